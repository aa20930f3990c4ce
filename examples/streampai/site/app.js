"use strict";
/** Shows messages as they are sent: a page of them over HTTP, the rest over one WebSocket that comes back by itself. */
(() => {
  const api = document.querySelector('meta[name="api-url"]').content;
  const element = (id) => document.getElementById(id);
  const list = element("messages");
  const status = element("status");
  const known = new Set();
  let lastId = 0;
  let you;
  let failures = 0;

  const link = element("api-link");
  link.href = `${api}/api/health`;
  link.textContent = new URL(api).host;

  function setStatus(state, text) {
    status.dataset.state = state;
    status.lastChild.textContent = text;
  }

  function isAtEnd() {
    return list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  }

  function scrollToEnd() {
    list.scrollTop = list.scrollHeight;
    element("newer").hidden = true;
  }

  function show(message) {
    if (known.has(message.id)) return;
    known.add(message.id);
    const follow = isAtEnd() || message.session === you;
    const sentAt = new Date(message.sentAt);
    const time = Object.assign(document.createElement("time"), {
      dateTime: message.sentAt,
      title: sentAt.toLocaleString(),
      textContent: sentAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    });
    const by = Object.assign(document.createElement("div"), { className: "by" });
    by.append(Object.assign(document.createElement("b"), { textContent: message.author }), time);
    const said = Object.assign(document.createElement("p"), { className: "said", textContent: message.body });
    const item = document.createElement("li");
    item.value = message.id;
    item.classList.toggle("mine", message.session === you);
    item.append(by, said);
    // Two copies of the API may announce in another order than was written.
    const next = [...list.children].findLast((each) => each.value < message.id);
    if (next) next.after(item);
    else list.prepend(item);
    lastId = Math.max(lastId, message.id);
    element("empty").hidden = true;
    if (follow) scrollToEnd();
    else element("newer").hidden = false;
  }

  async function call(path, options) {
    const response = await fetch(api + path, { credentials: "include", ...options });
    element("release").textContent = response.headers.get("x-release") ?? "unknown";
    const body = await response.json();
    if (!response.ok) throw Object.assign(new Error(body.error?.message), { fields: body.error?.fields });
    return body;
  }

  async function load() {
    const page = await call("/api/messages?limit=100");
    you = page.you;
    page.messages.forEach(show);
    element("empty").hidden = known.size > 0;
    scrollToEnd();
  }

  function comeBack(code) {
    failures += 1;
    // After a restart the next copy is ready already; otherwise wait longer each time, never all at once.
    const longest = code === 1012 ? 1000 : Math.min(500 * 2 ** failures, 15000);
    setStatus(
      failures > 2 ? "offline" : "connecting",
      failures > 2 ? "Offline, trying again" : "Reconnecting",
    );
    setTimeout(connect, longest * (0.3 + Math.random() * 0.7));
  }

  async function connect() {
    try {
      if (you === undefined) await load();
    } catch {
      return comeBack();
    }
    const socket = new WebSocket(`${api.replace(/^http/, "ws")}/api/socket?after=${lastId}`);
    let alive = true;
    const pulse = setInterval(() => {
      if (!alive) return socket.close();
      alive = false;
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
    }, 20000);
    socket.addEventListener("message", ({ data }) => {
      alive = true;
      const event = JSON.parse(data);
      if (event.type === "hello") {
        failures = 0;
        element("release").textContent = event.release;
        setStatus("live", "Live");
      } else if (event.type === "message") show(event.message);
    });
    socket.addEventListener("close", ({ code }) => {
      clearInterval(pulse);
      comeBack(code);
    });
  }

  function complain(text, fields = {}) {
    element("problem").textContent = text;
    for (const name of ["author", "body"]) element(name).setAttribute("aria-invalid", String(name in fields));
  }

  element("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const draft = { author: form.author.value, body: form.body.value };
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const headers = { "content-type": "application/json" };
      const sent = await call("/api/messages", { method: "POST", headers, body: JSON.stringify(draft) });
      you = sent.you;
      form.body.value = "";
      complain("");
      show(sent.message);
    } catch (error) {
      const names = { author: "Name", body: "Message" };
      const details = Object.entries(error.fields ?? {}).map(
        ([name, text]) => `${names[name] ?? name} ${text}.`,
      );
      complain(details.join(" ") || "It was not sent: the API does not answer. Try again.", error.fields);
    } finally {
      button.disabled = false;
      form.body.focus();
    }
    try {
      localStorage.setItem("author", draft.author);
    } catch {
      // Only a convenience.
    }
  });

  element("newer").addEventListener("click", scrollToEnd);
  list.addEventListener("scroll", () => {
    if (isAtEnd()) element("newer").hidden = true;
  });
  try {
    element("author").value = localStorage.getItem("author") ?? "";
  } catch {
    // Only a convenience.
  }
  void connect();
})();
