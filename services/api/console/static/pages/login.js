// The way in: an API key becomes a session.
import { call } from "../api.js";
import { Field } from "../components/field.js";
import { Mark } from "../components/icons.js";
import { session } from "../session.js";
import { html, useEffect, useRef, useState } from "../ui.js";

export function LoginPage() {
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const input = useRef(null);
  useEffect(() => {
    document.title = "Log in · Sluice";
    input.current.focus();
  }, []);

  async function enter(event) {
    event.preventDefault();
    const key = input.current.value.trim();
    if (!key) return setWrong("Enter an API key.");
    setBusy(true);
    try {
      session.value = await call("POST", "/session", { body: { key }, quiet: true });
    } catch (problem) {
      setWrong(problem.detail);
      setBusy(false);
      input.current.select();
    }
  }

  return html`<main class="login" id="main">
    <form class="login-card" onSubmit=${enter} novalidate>
      <div class="login-brand"><${Mark} /><h1>Sluice</h1></div>
      <p class="muted">Documents in, answers out. Log in with an API key of your tenant.</p>
      <${Field} label="API key" error=${wrong} hint="It begins with sluice_. Whoever runs the service makes keys; a local stack prints one when it starts.">
        ${(given) => html`<input ...${given} ref=${input} class="input mono" type="password" name="key" autocomplete="current-password" spellcheck=${false} autocapitalize="off" placeholder="sluice_…" onInput=${() => setWrong("")} />`}
      <//>
      <button class="button button-main button-wide" disabled=${busy}>${busy ? "Logging in" : "Log in"}</button>
    </form>
    <p class="login-foot muted"><a href="/docs" data-leave>API reference</a></p>
  </main>`;
}
