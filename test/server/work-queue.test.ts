import { expect, test } from "vitest";
import { WorkQueue } from "../../src/server/work-queue.js";

const never = new AbortController().signal;
const turns = () => new Promise((resolve) => setTimeout(resolve));

test("works one at a time, in order, and refuses what is too much", async () => {
  const queue = new WorkQueue(3);
  const log: string[] = [];
  const finish: (() => void)[] = [];
  const work = (name: string) =>
    queue.run(never, async () => {
      log.push(name);
      await new Promise<void>((resolve) => finish.push(resolve));
    });
  const all = ["a", "b", "c"].map(work);
  await turns();
  expect(log).toEqual(["a"]);
  await expect(work("d")).rejects.toMatchObject({ status: 429 });
  for (const expected of [
    ["a", "b"],
    ["a", "b", "c"],
  ]) {
    finish.shift()!();
    await turns();
    expect(log).toEqual(expected);
  }
  finish.shift()!();
  await Promise.all(all);
  await queue.run(never, async () => log.push("e"));
  expect(log).toEqual(["a", "b", "c", "e"]);
});

test("who is aborted while waiting gives its place up; work that fails does too", async () => {
  const queue = new WorkQueue(2);
  const first = await queue.turn(never);
  const leaving = new AbortController();
  const left = queue.turn(leaving.signal);
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  const next = queue.run(never, async () => {
    throw new Error("failed");
  });
  first();
  await expect(next).rejects.toThrow("failed");
  expect(await queue.run(never, async () => 1)).toBe(1);
});

test("who left does not let others pass the one that works", async () => {
  const queue = new WorkQueue(3);
  const first = await queue.turn(never);
  const leaving = new AbortController();
  const left = queue.turn(leaving.signal).catch(() => {});
  let begun = false;
  const third = queue.run(never, async () => {
    begun = true;
  });
  leaving.abort();
  await left;
  await turns();
  expect(begun).toBe(false);
  first();
  await third;
  expect(begun).toBe(true);
});
