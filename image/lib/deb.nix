# The packages of one architecture of lock.json, each fetched by its SHA-256.
#
# `mirror` is where a package is fetched from when it is not in the store yet.
# It is no part of any result: a fixed-output path depends on name and hash only,
# so two machines with two mirrors build the same bits.
{ lock, architecture, mirror, securityMirror }:

let
  locked = lock.architectures.${architecture};

  base = suite:
    if builtins.match ".*-security" suite != null then securityMirror else mirror;

  # Debian's file names have characters that a store path may not have; debian/fetch does the same.
  storeName = path:
    let
      file = baseNameOf path;
      legal = character:
        if builtins.match "[A-Za-z0-9+._?=-]" character != null then character else "-";
      characters = builtins.genList (index: builtins.substring index 1 file) (builtins.stringLength file);
    in
    builtins.concatStringsSep "" (map legal characters);

  fetch = package: import <nix/fetchurl.nix> {
    name = storeName package.path;
    url = "${base package.suite}/${package.path}";
    inherit (package) sha256;
  };

  byName = builtins.listToAttrs
    (map (package: { inherit (package) name; value = fetch package; }) locked.packages);
in
{
  # What stands in the lock about each package of some sets, each once.
  described = sets:
    let wanted = builtins.concatLists (map (name: locked.sets.${name}) sets);
    in builtins.filter (package: builtins.elem package.name wanted) locked.packages;

  # The files of one set of packages.txt, in the order of the lock.
  set = name: map (package: byName.${package}) locked.sets.${name};
}
