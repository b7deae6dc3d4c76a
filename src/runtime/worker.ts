import { connectToCaller } from "#platform";
import { ThreadHost } from "./thread-host.js";

// What each engine thread runs.
new ThreadHost(connectToCaller());
