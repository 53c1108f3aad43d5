// Where files are dropped or chosen.
import { Icon } from "../../components/icons.js";
import { toast } from "../../components/toasts.js";
import { plural } from "../../format.js";
import { html, useEffect, useRef, useState } from "../../ui.js";
import { chosen, dropped } from "../../upload/folders.js";
import { enqueue } from "../../upload/queue.js";

export function DropZone({ datasetId, large }) {
  const [over, setOver] = useState(false);
  const files = useRef(null);
  const folder = useRef(null);

  function take(found) {
    if (found.length === 0) return toast("There are no files in it.", "bad");
    enqueue(datasetId, found);
    toast(`${plural(found.length, "file")} to upload.`);
  }

  // The whole window takes files: missing the box must not make the browser open the file.
  useEffect(() => {
    const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const onOver = (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event) => event.relatedTarget === null && setOver(false);
    const onDrop = (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(false);
      dropped(event.dataTransfer).then(take, () => toast("The folder could not be read.", "bad"));
    };
    addEventListener("dragover", onOver);
    addEventListener("dragleave", onLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onOver);
      removeEventListener("dragleave", onLeave);
      removeEventListener("drop", onDrop);
    };
  }, [datasetId]);

  function onChosen(event) {
    take(chosen(event.target.files));
    event.target.value = "";
  }

  return html`<section class=${`drop ${large ? "drop-large" : ""} ${over ? "drop-over" : ""}`} aria-label="Upload">
    <span class="drop-icon"><${Icon} name="upload" /></span>
    <div class="drop-words">
      <strong>${over ? "Let go to upload" : large ? "Drop your first files here" : "Drop files or folders here"}</strong>
      <span class="muted">${large ? "PDFs, Office files, mails, web pages, tables, scans. They are searchable within seconds." : "A file of the same name replaces the one that is there."}</span>
    </div>
    <div class="drop-actions">
      <input ref=${files} type="file" multiple class="hidden" tabindex="-1" aria-label="Files to upload" onChange=${onChosen} />
      <input ref=${folder} type="file" webkitdirectory class="hidden" tabindex="-1" aria-label="Folder to upload" onChange=${onChosen} />
      <button type="button" class=${`button ${large ? "button-main" : ""}`} onClick=${() => files.current.click()}>Choose files</button>
      <button type="button" class="button" onClick=${() => folder.current.click()}>Choose a folder</button>
    </div>
  </section>`;
}
