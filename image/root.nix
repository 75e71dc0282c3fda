# The root of one slot: erofs, its dm-verity hash tree, and the root hash.
{ derive, rootfs, version, compression }:

derive {
  name = "hearth-root-${version}";
  inherit rootfs version compression;
  script = ''
    mkdir "$out"
    # 128 KiB blocks: larger ones save little more and cost memory at every read.
    # The identifiers are fixed, because the content is; the salt is no secret.
    mkfs.erofs --tar=f -z "$compression" -C 131072 --quiet -T "$SOURCE_DATE_EPOCH" \
      -U 5f7c6b0e-0b0c-4d0e-9a59-6865617274a1 "$out/root.erofs" "$rootfs"
    veritysetup format --salt=68656172746800000000000000000000000000000000000000000000000068ff \
      --uuid=5f7c6b0e-0b0c-4d0e-9a59-6865617274a2 --root-hash-file="$out/roothash" \
      "$out/root.erofs" "$out/root.verity"
  '';
}
