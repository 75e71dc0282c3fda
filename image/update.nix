# What a device fetches to become this release: root, hash tree, UKI, and what they hash to.
#
# Plain files: erofs and the initrd are compressed already, and systemd-pull 257
# writes compressed streams to the slot as they are and reports success.
{ derive, root, uki, version }:

derive {
  name = "hearth-update-${version}";
  inherit root uki version;
  script = ''
    mkdir "$out"
    cd "$out"
    cp "$root/root.erofs" "hearth_$version.root"
    cp "$root/root.verity" "hearth_$version.verity"
    cp "$uki/hearth_$version.efi" .
    sha256sum -- * >SHA256SUMS
  '';
}
