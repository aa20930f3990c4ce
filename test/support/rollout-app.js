/**
 * The application of rollout tests and benches: plain Node.js, one file, no library. By environment:
 *   PORT (3000), VERSION or else RELEASE_ID, START_MS (0: milliseconds until it listens), HEALTH (/healthz), UNHEALTHY (1: never healthy),
 *   CRASH_MS (ends with 1 after so long), WORK_MS (0: time for a request), DRAIN_MS (1000: sockets are closed so long after
 *   SIGTERM, each with a close frame)
 * Answers any path with its release; POST: with the length of what it got as well. /socket takes WebSockets.
 */
const { createHash } = require("node:crypto");
const { createServer } = require("node:http");

const setting = (name, byDefault) => Number(process.env[name] ?? byDefault);
const release = process.env.VERSION ?? process.env.RELEASE_ID ?? "none";
const sockets = new Set();
let draining = false;
let inFlight = 0;

const server = createServer((request, response) => {
  inFlight += 1;
  response.once("close", () => {
    inFlight -= 1;
  });
  const healthPath = process.env.HEALTH ?? "/healthz";
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
  });
  request.on("end", () =>
    setTimeout(
      () => {
        if (draining) response.setHeader("Connection", "close");
        response.setHeader("X-Release", release);
        const known = request.url === healthPath || !request.url.startsWith("/health");
        const status = !known ? 404 : request.url === healthPath && process.env.UNHEALTHY ? 500 : 200;
        response.writeHead(status, { "Content-Type": "application/json" });
        response.end(JSON.stringify({ release, length, client: request.headers["x-forwarded-for"] ?? null }));
      },
      setting("WORK_MS", 0),
    ),
  );
});
server.keepAliveTimeout = 75_000;

server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  sockets.add(socket);
  socket.on("error", () => undefined);
  socket.on("close", () => sockets.delete(socket));
  socket.on("data", (chunk) => {
    // A close frame is answered with one, anything else is not looked at.
    if ((chunk[0] & 0x0f) === 8) socket.end(Buffer.from([0x88, 0]));
  });
  socket.write(frame(1, Buffer.from(release)));
});

/** A frame of a server: opcode and up to 125 bytes. */
function frame(opcode, payload) {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
}

/** Takes nobody new any more, answers whom it has taken, ends. After a look at who waits to be taken: the kernel cuts them off. */
function leave() {
  setImmediate(() => {
    server.close();
    const end = () => (inFlight === 0 ? process.exit(0) : setTimeout(end, 20));
    setTimeout(end, 100);
  });
}

process.on("SIGTERM", () => {
  draining = true;
  setTimeout(
    () => {
      // 1012: the service restarts.
      for (const socket of sockets) socket.write(frame(8, Buffer.from([1012 >> 8, 1012 & 0xff])));
      setTimeout(leave, 300);
    },
    setting("DRAIN_MS", 1000),
  );
});

if (process.env.CRASH_MS) {
  setTimeout(
    () => {
      console.error(`no database at ${process.env.DATABASE_URL ?? "nowhere"}`);
      process.exit(1);
    },
    setting("CRASH_MS", 0),
  );
}
setTimeout(
  () => server.listen(setting("PORT", 3000), () => console.log(`release ${release} listens`)),
  setting("START_MS", 0),
);
