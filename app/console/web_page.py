"""Scripts of the console's page: nothing from elsewhere, keys kept, and a word when it stands alone."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

SCRIPT: Final = b"""<script>
(function () {
  // The toolkit loads an animation player, which is not used here, from a CDN. The policy of the page would
  // refuse it and log an error; like this it is not even tried.
  function foreign(address) {
    try {
      var url = new URL(String(address), document.baseURI);
      return /^(https?|wss?):$/.test(url.protocol) && url.host !== location.host;
    } catch (error) {
      return false;
    }
  }
  var kept = Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, "src"), ask = window.fetch;
  Object.defineProperty(HTMLScriptElement.prototype, "src", {
    configurable: true, enumerable: true, get: kept.get,
    set: function (address) { if (!foreign(address)) kept.set.call(this, address); }
  });
  window.fetch = function (what) {
    if (foreign(what && what.url || what)) return Promise.reject(new TypeError("not of this machine"));
    return ask.apply(window, arguments);
  };
})();

addEventListener("keydown", function (event) {
  var held = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (event.key === "F1" || (held && ["k", "f", ","].indexOf(event.key.toLowerCase()) >= 0)) {
    event.preventDefault();  // what the browser does with it; the page gets the key all the same
  }
}, true);

(function () {
  var sockets = 0, timer = 0, note = null, before = false;
  function show(gone) {
    if (gone && !note) {
      var dark = matchMedia("(prefers-color-scheme: dark)").matches;
      note = document.createElement("div");
      note.setAttribute("role", "alert");
      note.style.cssText = "position:fixed;inset:0;z-index:99999;display:flex;align-items:center;" +
        "justify-content:center;padding:24px;font:16px/1.6 system-ui,sans-serif;text-align:center;" +
        (dark ? "background:#0e1415;color:#dee3e5" : "background:#f2f6f7;color:#171d1e");
      note.innerText = "The console has stopped.\\nStart it again, and open the address that it prints.";
      document.body.appendChild(note);
    } else if (!gone && note) {
      note.remove();
      note = null;
    }
  }
  function look() {
    timer = 0;
    if (sockets) return;
    fetch(location.pathname, { cache: "no-store" }).then(
      function (answer) { show(!answer.ok); }, function () { show(true); }
    ).then(function () { later(2000); });
  }
  function later(wait) {
    if (!timer && !sockets) timer = setTimeout(look, wait);
  }
  window.WebSocket = class extends WebSocket {
    constructor() {
      super(...arguments);
      var opened = false;
      this.addEventListener("open", function () {
        // Of what it is sent a second time, the client forgets all with its next garbage collection.
        if (before) return location.reload();
        before = opened = true; sockets += 1; show(false);
      });
      this.addEventListener("close", function () { if (opened) sockets -= 1; later(700); });
    }
  };
})();

(function () {
  // A console that hangs cannot say so itself. One question at a time, so that none pile up while it does.
  var bar = null;
  function tell(since) {
    if (since && !bar) {
      bar = document.createElement("div");
      bar.setAttribute("role", "alert");
      bar.style.cssText = "position:fixed;top:0;left:0;right:0;z-index:99998;padding:10px 20px;" +
        "font:14px/1.5 system-ui,sans-serif;background:#b3261e;color:#fff";
      bar.innerText = "The console has not answered since " + since.toLocaleTimeString() +
        ". What is shown is old.";
      document.body.appendChild(bar);
    } else if (!since && bar) {
      bar.remove();
      bar = null;
    }
  }
  function ask() {
    var begun = new Date(), late = setTimeout(function () { tell(begun); }, 8000);
    function answered() { clearTimeout(late); tell(null); setTimeout(ask, 3000); }
    fetch(location.pathname, { method: "HEAD", cache: "no-store" }).then(answered, answered);
  }
  setTimeout(ask, 3000);
})();

(function () {
  // The title begins with the number of problems. One more, while nobody looks, is told by the system, if
  // the person allows that; asked for with the first click after one was missed.
  var before = 0, missed = false;
  function count() {
    var found = /^\\(([0-9,]+)\\)/.exec(document.title);
    return found ? Number(found[1].replace(/,/g, "")) : 0;
  }
  function look() {
    var now = count(), more = now - before;
    before = now;
    if (more <= 0 || document.hasFocus() || !window.Notification) return;
    if (Notification.permission === "granted") {
      new Notification("Tidewatch", { tag: "tidewatch", body: now === 1 ? "1 problem" : now + " problems" });
    } else if (Notification.permission === "default") {
      missed = true;
    }
  }
  addEventListener("pointerdown", function () {
    if (missed) { missed = false; Notification.requestPermission(); }
  }, true);
  new MutationObserver(look).observe(document.head, { childList: true, subtree: true, characterData: true });
})();

(function () {
  // Of a font for letters that no other has, the client asks for many parts at once, and each would get the
  // whole of it from this machine. One is enough: with it, nothing is missing any more.
  var before = {}, ask = window.fetch;
  window.fetch = function (what) {
    var words = arguments, address = what && what.url || String(what);
    var found = /(?:^|[/])assets[/]fonts[/](noto[a-z0-9]+)[/]/.exec(address);
    if (!found) return ask.apply(window, words);
    var family = found[1], group = /^notosans(sc|tc|hk|jp|kr)$/.test(family) ? "han" : family;
    var state = before[group] = before[group] || { had: {}, turn: Promise.resolve() };
    var answer = state.turn.then(function () {
      if (state.had.all || state.had[family]) return new Response(null, { status: 404 });
      return ask.apply(window, words).then(function (got) {
        state.had[family] = true;
        if (got.ok && got.headers.get("x-covers") === "group") state.had.all = true;
        return got;
      });
    });
    state.turn = answer.catch(function () {});
    return answer;
  };
})();
</script>
"""
"""Goes into the head. As long as the page is connected it asks only whether the console still answers.

A page that has lost its connection is loaded anew when there is one again: the session is the same, so it
comes back as it was.
"""
_END_OF_HEAD: Final = b"</head>"


class PageScripts:
    """Puts the script into every page that passes."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Hand the request on; a page that comes back has the script."""
        await self._app(scope, receive, _Rewriter(send).send if scope["type"] == "http" else send)


class _Rewriter:
    """Holds a page back until it is whole; anything else passes as it comes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(_END_OF_HEAD, SCRIPT + _END_OF_HEAD, 1)
        headers = [pair for pair in start["headers"] if pair[0].lower() not in (b"content-length", b"etag")]
        if self._body:  # the answer to HEAD keeps none
            headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_page(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == 200 and any(kind.startswith(b"text/html") for kind in kinds)
