# Jobs in Hydra's form: for every board the disk, its parts and the bill of materials.
{ ... }:

builtins.mapAttrs
  (board: image: { inherit (image) root uki disk flash update sbom; })
  (import ./boards.nix)
