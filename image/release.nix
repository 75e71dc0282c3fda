# Jobs in Hydra's form: for every board the disk, its parts and the bill of materials.
# A jobset's inputs may be what default.nix takes: `agent` and `releases`, as `make image` stages them, and `mirror`.
{ agent ? null, releases ? null, mirror ? "" }@options:

builtins.mapAttrs
  (board: image: { inherit (image) root uki disk flash update sbom; })
  (import ./boards.nix options)
