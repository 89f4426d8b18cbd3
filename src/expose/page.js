// Renews the page in place, so that open links, focus and scroll position stay; says when it cannot.
(() => {
  const every = 10000;
  const renew = async () => {
    const stale = document.getElementById("stale");
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(every) });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Whoever is selecting text wants to copy it.
      if (getSelection().isCollapsed) {
        const fresh = page.querySelector("main");
        for (const link of fresh.querySelectorAll("details[id]")) {
          const before = document.getElementById(link.id);
          if (before) link.open = before.open;
        }
        const focused = document.activeElement.closest("main details[id]");
        document.querySelector("main").replaceWith(fresh);
        document.title = page.title;
        if (focused) document.getElementById(focused.id)?.querySelector("summary").focus({ preventScroll: true });
      }
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
    setTimeout(renew, every);
  };
  setTimeout(renew, every);
})();
