"""How well search ranks: real files through the whole product, measured against judgements."""
