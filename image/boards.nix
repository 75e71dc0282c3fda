# Every board that has a profile in hardware/, as the whole set of its build steps.
{ agent ? null, releases ? null, mirror ? "" }@options:

let
  entries = builtins.readDir ../hardware;
  isBoard = name: entries.${name} == "directory" && builtins.pathExists (../hardware + "/${name}/board.toml");
  boards = builtins.filter isBoard (builtins.attrNames entries);
in
builtins.listToAttrs (map (board: { name = board; value = import ./default.nix (options // { inherit board; }); }) boards)
