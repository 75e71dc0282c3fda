# The index of the image. `make image` calls it; README.md says how by hand.
{ # Directory of the hardware profile.
  board ? "x86-64"
  # The release this image is; also in the file names of an update.
, version ? "0.0.0"
  # Seconds since 1970 that stand wherever a file format wants a time.
, epoch ? "1767225600"
  # The tree with usr/bin/hearth that image.mk stages; null leaves the agent out, for tests of the system alone.
, agent ? null
  # A directory with what the device trusts and asks for updates: `root.json` and `address`; null, or
  # without them, for a device that is not updated.
, releases ? null
  # How erofs compresses the root, in mkfs.erofs's words. `lz4` builds twenty times
  # faster and is 40% larger: for trying things out.
, compression ? "zstd,15"
  # Which packages; another one than the tree's is for trying things out.
, lock ? ./debian/lock.json
  # A Debian mirror, used for packages that debian/fetch has not put into the store.
, mirror ? ""
, securityMirror ? "${mirror}-security"
}:

let
  profile = builtins.fromTOML (builtins.readFile (../hardware + "/${board}/board.toml"));
  system = "x86_64-linux";

  debs = import ./lib/deb.nix {
    lock = builtins.fromJSON (builtins.readFile lock);
    inherit (profile) architecture;
    inherit mirror securityMirror;
  };

  toolroot = import ./lib/toolroot.nix { debs = debs.set "tools"; inherit system; };
  derive = import ./lib/derive.nix { inherit toolroot system; epoch = epoch; };
in
rec {
  inherit toolroot;
  rootfs = import ./rootfs.nix { inherit derive debs profile version agent releases; };
  root = import ./root.nix { inherit derive rootfs version compression; };
  initrd = import ./initrd.nix { inherit derive debs profile version; };
  uki = import ./uki.nix { inherit derive debs rootfs root initrd profile version; };
  sbom = import ./sbom.nix {
    inherit derive version;
    packages = debs.described [ "image" "loader" "kernel" "firmware" "initrd" ];
  };
  update = import ./update.nix { inherit derive root uki version; };
  flash = import ./flash.nix { inherit derive disk version; };
  disk = import ./disk.nix { inherit derive rootfs root uki profile version; };
}
