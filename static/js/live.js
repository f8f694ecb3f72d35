// Parts of a page that show how things stand now listen for "tick". Nobody looks at a hidden page, so it asks nothing.

const EVERY = 5_000;

function tick() {
  if (document.visibilityState === "visible") document.body.dispatchEvent(new Event("tick"));
}

setInterval(tick, EVERY);
document.addEventListener("visibilitychange", tick);

// What one tick does not get, the next one will: nobody has to be told.
for (const failed of ["htmx:sendError", "htmx:responseError"])
  document.addEventListener(
    failed,
    (event) => {
      if (event.detail.requestConfig?.triggeringEvent?.type === "tick") event.stopImmediatePropagation();
    },
    true,
  );
