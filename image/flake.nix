# The image for those who use flakes. No inputs: everything is pinned in debian/lock.json,
# and the network is asked for nothing but those packages, by hash.
#
# Packages have to be in the store first (`image/debian/fetch`), or a mirror has to
# be given to default.nix; a flake takes no argument, so it cannot ask for one.
{
  description = "Hearth, a home-server operating system";

  inputs = { };

  outputs = { self }:
    let
      system = "x86_64-linux";
      boards = import ./boards.nix;
    in
    {
      packages.${system} = builtins.mapAttrs (board: image: image.disk) boards;
      checks.${system} = builtins.mapAttrs (board: image: image.root) boards;
      hydraJobs = import ./release.nix { };
    };
}
