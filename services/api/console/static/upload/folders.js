// What was dropped or chosen, folders included, as a flat list. A file's name is its path from the
// folder on: that is its name in the dataset.

const FILES_MAX = 100_000; // of one drop

/** Of a drop. The entries have to be taken before the event is over; reading them takes longer. */
export function dropped(transfer) {
  const entries = [];
  for (const item of transfer.items) {
    const entry = item.kind === "file" ? item.webkitGetAsEntry?.() : null;
    if (entry) entries.push(entry);
    else if (item.kind === "file") entries.push({ isFile: true, lone: item.getAsFile() });
  }
  return walk(entries);
}

/** Of an `<input type="file">`, also one that chooses a folder. */
export function chosen(files) {
  return [...files].filter(isWanted).map((blob) => described(blob, blob.webkitRelativePath || blob.name));
}

async function walk(entries) {
  const found = [];
  const open = [...entries];
  while (open.length > 0 && found.length < FILES_MAX) {
    const entry = open.shift();
    if (entry.lone) found.push(described(entry.lone, entry.lone.name));
    else if (entry.isDirectory) open.unshift(...(await children(entry)));
    else {
      const blob = await new Promise((resolve, reject) => entry.file(resolve, reject));
      if (isWanted(blob)) found.push(described(blob, entry.fullPath.replace(/^\//, "")));
    }
  }
  return found;
}

/** A reader answers up to a hundred at a time, and nothing at the end. */
async function children(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...some);
  }
}

// What file managers leave in folders, and nobody means to upload.
const isWanted = (blob) => ![".DS_Store", "Thumbs.db", "desktop.ini"].includes(blob.name);

function described(blob, name) {
  return { name: name.normalize("NFC"), size: blob.size, type: blob.type, blob };
}
