# The disk as it is published: compressed, with its checksum beside it. The empty
# slot and the free space of the ESP are zeros and cost nothing.
{ derive, disk, version }:

derive {
  name = "hearth-flash-${version}";
  inherit disk version;
  script = ''
    mkdir "$out"
    cd "$out"
    # One thread: with more, the result would depend on how the input was cut.
    zstd --threads=1 -9 --long=27 --quiet "$disk/hearth_$version.raw" -o "hearth_$version.raw.zst"
    # `hearth flash` looks for it under this name.
    sha256sum -- "hearth_$version.raw.zst" >"hearth_$version.raw.zst.sha256"
  '';
}
