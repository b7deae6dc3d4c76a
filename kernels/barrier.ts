/**
 * Blocks until `threads` threads have arrived; spins `spins` times before it sleeps. What a thread wrote before the
 * barrier is visible to all after it. `state` points to two i32: arrivals and generation. A negative generation means
 * that a thread failed: everyone leaves at once, and stays out.
 */
export function barrier(state: usize, threads: i32, spins: i32): void {
  if (isDefined(SHARED)) {
    const generation = atomic.load<i32>(state, 4);
    if (generation < 0) return;
    if (atomic.add<i32>(state, 1) == threads - 1) {
      atomic.store<i32>(state, 0);
      // Not a plain store: an abort that arrives in between must survive.
      atomic.cmpxchg<i32>(state, generation, (generation + 1) & 0x7fffffff, 4);
      atomic.notify(state + 4, -1);
      return;
    }
    let turns = 0;
    while (atomic.load<i32>(state, 4) == generation) {
      if (++turns > spins) atomic.wait<i32>(state + 4, generation, -1);
    }
  }
}
