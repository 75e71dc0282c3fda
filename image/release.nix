# Jobs in Hydra's form: for every board the disk, its parts and the bill of materials.
{ ... }:

builtins.mapAttrs
  (board: image: { inherit (image) disk root uki sbom; })
  (import ./boards.nix)
