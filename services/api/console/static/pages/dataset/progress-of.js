/** A dataset's progress: percent, an estimate of the seconds left (null if there is none), and how
 * many documents are unfinished. */
export function progressOf(dataset) {
  const told = dataset.progress;
  if (typeof told === "object" && told !== null) {
    return { percent: told.percent, secondsLeft: told.seconds_left ?? null, unfinished: told.unfinished };
  }
  return { percent: told, secondsLeft: null, unfinished: dataset.status === "processing" ? 1 : 0 };
}
