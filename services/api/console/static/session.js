// Who is logged in. The key itself goes to the server once; what remains is a cookie that no script
// can read, and a token that proves that a change was asked for by these pages.
import { computed, signal } from "./ui.js";

// undefined: not asked yet. null: nobody.
export const session = signal(undefined);

const WRITERS = new Set(["admin", "operator"]);

export const mayWrite = computed(() => WRITERS.has(session.value?.role));
export const mayOperate = computed(() => session.value?.role === "operator");
