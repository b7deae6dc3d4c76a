import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const candidates = process.env.CHROMIUM
  ? [process.env.CHROMIUM]
  : ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/** Where Chromium is installed, if it is. */
export const chromiumPath = candidates.find((path) => existsSync(path));

if (!chromiumPath) {
  console.warn(
    `Tests in a browser are skipped: no Chromium at ${candidates.join(" or ")}. Install it, or set CHROMIUM to its path.`,
  );
}

export function launchChromium(flags: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    // Some containers give their only user no sandbox; and no start should look for updates.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", ...flags],
  });
}
