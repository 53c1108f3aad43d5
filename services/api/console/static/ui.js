// What every view is made of: Preact's elements by htm, its hooks, and signals.
import { Component, Fragment, createElement, render } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact-hooks.js";
export { batch, computed, effect, signal } from "./vendor/signals.js";
export { Component, Fragment, render };

// Values become text nodes and attributes, never markup: file names are written by strangers.
export const html = htm.bind(createElement);
