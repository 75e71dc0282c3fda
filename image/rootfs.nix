# The root file system as one tar: packages, system-config and the agent, with owners.
#
# A tar rather than a directory: Nix's store keeps neither owners nor modes, and
# mkfs.erofs reads a tar as it is.
{ derive, debs, profile, version, agent, releases }:

let
  # Only what the agent's staging directory holds, under a name that does not depend on where it was.
  # By which key releases are signed; whoever builds without one has images that nobody vouches for.
  releaseKey = if builtins.pathExists ./release-key.pub then ./release-key.pub else null;
  releasesTree = if releases == null then null else builtins.path { path = releases; name = "hearth-releases"; };
  agentTree = if agent == null then null else builtins.path { path = agent; name = "hearth-agent"; };
in
derive {
  name = "hearth-rootfs-${version}.tar";
  debs = debs.set "image" ++ debs.set "loader" ++ debs.set "kernel" ++ debs.set "firmware";
  inherit version agentTree releaseKey releasesTree;
  inherit (profile) architecture;
  boardName = profile.name;
  unpack = ./lib/unpack.py;
  archive = ./lib/archive.py;
  configure = ./lib/configure.sh;
  firmware = ./lib/firmware.py;
  firmwareUndeclared = ./firmware-undeclared.txt;
  prune = ./prune.txt;
  ownership = ./ownership.txt;
  scripts = ./debian/scripts.json;
  systemConfig = builtins.path { path = ../system-config; name = "system-config"; };
  board = ../hardware + "/${profile.name}";
  script = ''
    python3 "$unpack" --into tree --prune "$prune" --scripts "$scripts" $debs
    cp --recursive --no-preserve=mode,ownership,timestamps --remove-destination "$systemConfig/." tree
    # The units' Documentation= names it.
    install -D --mode=0644 tree/README.md tree/usr/share/doc/hearth/README.md
    rm tree/README.md
    # The store keeps the executable bit, so what was executable in system-config is so on the device.
    (cd "$systemConfig" && find . -type f -perm -u+x) | while read -r file; do chmod 0755 "tree/$file"; done
    install -D --mode=0644 "$board/board.toml" tree/usr/share/hearth/board.toml
    if [ -n "$releaseKey" ]; then install -D --mode=0644 "$releaseKey" tree/usr/share/hearth/release-key.pub; fi
    if [ -n "$releasesTree" ]; then cp --recursive --no-preserve=mode,ownership,timestamps "$releasesTree" tree/usr/share/hearth/releases; fi
    if [ -n "$agentTree" ]; then cp --recursive --no-preserve=ownership,timestamps "$agentTree/." tree; fi
    source "$configure"
    python3 "$archive" --tree tree --ownership "$ownership" --output "$out"
  '';
}
