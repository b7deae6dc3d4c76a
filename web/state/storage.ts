/** What this browser keeps: layouts, files that were dropped, notes. Where it keeps nothing, all works but is forgotten. */

let database: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("sparselens-explorer", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("kept");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return database;
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const store = (await open()).transaction("kept", mode).objectStore("kept");
  return await new Promise((resolve, reject) => {
    const request = work(store);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export async function recall<T>(key: string): Promise<T | undefined> {
  return await run<T | undefined>("readonly", (store) => store.get(key)).catch(() => undefined);
}

export async function keep(key: string, value: unknown): Promise<void> {
  await run("readwrite", (store) => store.put(value, key)).catch(() => undefined);
}

export async function keysWith(prefix: string): Promise<string[]> {
  const keys = await run("readonly", (store) => store.getAllKeys()).catch(() => []);
  return keys.map(String).filter((key) => key.startsWith(prefix));
}
