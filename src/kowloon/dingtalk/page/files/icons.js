// Small pictures that say nothing by themselves: words stand beside them, or are their button's name.

import { svg } from "./dom.js";

const PATHS = {
  file: "M16.5 6.5 8.7 14.3a2.2 2.2 0 0 0 3.1 3.1l7.1-7.1a4 4 0 0 0-5.7-5.7L5.8 12a5.7 5.7 0 0 0 8.1 8.1l5.6-5.6",
};

export const icon = (name) => svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
