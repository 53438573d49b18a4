// The page around the text: light and dark, the folded contents, boxes that scroll, the section in view.

const root = document.documentElement;

const themeButton = document.querySelector(".book-theme");
const showTheme = () => themeButton.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
themeButton.addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Storage may be blocked: the choice then lasts for this page.
  }
  showTheme();
});
showTheme();

const menu = document.querySelector(".book-menu");
const openMenu = (open) => {
  menu.setAttribute("aria-expanded", String(open));
  root.classList.toggle("menu-open", open);
};
menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && root.classList.contains("menu-open")) {
    openMenu(false);
    menu.focus();
  }
});

// A box that scrolls sideways must be reachable from the keyboard, and only then.
const boxes = document.querySelectorAll(".table-box, article pre, div.math, .cell_output .output, article figure:has(> img)");
const names = (box) => (box.matches("pre") ? "Code" : box.matches(".math") ? "Formula" : "Table or output");
const markScrolling = () => {
  for (const box of boxes) {
    const scrolls = box.scrollWidth > box.clientWidth;
    box.toggleAttribute("data-scrolls", scrolls);
    if (scrolls) {
      box.tabIndex = 0;
      if (box.matches("figure")) continue; // it has its caption for a name
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${names(box)}, scrolls sideways`);
    } else {
      for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute);
    }
  }
};
new ResizeObserver(markScrolling).observe(document.querySelector("article"));

const links = new Map(
  [...document.querySelectorAll('.page-nav a[href^="#"]')].map((a) => [decodeURIComponent(a.hash.slice(1)), a]),
);
const inView = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "-10% 0px -75% 0px" },
);
for (const id of links.keys()) {
  const section = id && document.getElementById(id);
  if (section) inView.observe(section);
}
