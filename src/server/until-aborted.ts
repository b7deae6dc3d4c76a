/**
 * The outcome of what somebody waits for, unless the signal is aborted before: then only the waiting ends.
 * @throws the signal's reason
 */
export async function untilAborted<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
  try {
    return await Promise.race([outcome, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
