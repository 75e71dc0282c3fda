# The image for those who use flakes. No inputs: everything is pinned in debian/lock.json,
# and the network is asked for nothing but those packages, by hash.
#
# A flake takes no argument. So packages have to be in the store first (`image/debian/fetch`), and what
# `make image` stages comes from the environment, for `nix build --impure`: HEARTH_AGENT and HEARTH_RELEASES
# are the directories that default.nix calls `agent` and `releases`. Without them it is the system alone.
{
  description = "Hearth, a home-server operating system";

  inputs = { };

  outputs = { self }:
    let
      system = "x86_64-linux";
      # Pure evaluation finds every variable empty.
      staged = name: let path = builtins.getEnv name; in if path == "" then null else /. + path;
      options = { agent = staged "HEARTH_AGENT"; releases = staged "HEARTH_RELEASES"; };
      boards = import ./boards.nix options;
    in
    {
      packages.${system} = builtins.mapAttrs (board: image: image.disk) boards;
      checks.${system} = builtins.mapAttrs (board: image: image.root) boards;
      hydraJobs = import ./release.nix options;
    };
}
