"""The paths, one file a subject. Handlers check, call and answer; they decide nothing."""
