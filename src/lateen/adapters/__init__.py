"""All I/O, one package per outside party. Packages do not import each other; `http`, `clock` and `tasks` are shared."""
