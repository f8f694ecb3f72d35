// Swagger UI brings a dark theme behind a class of its own; here it follows the system, as every other page does.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

dark.addEventListener("change", follow);
follow();
