# Kernel, initrd, microcode and command line in one EFI program. The root hash is
# on the command line, so whoever starts this file starts exactly that root.
{ derive, debs, rootfs, root, initrd, profile, version }:

let
  # A panic restarts, in the initrd too, where sysctl.d has not been read yet.
  commandLine = builtins.concatStringsSep " " (profile.kernel.command_line ++ [
    "panic=10"
    # Old disks take long to spin up, and emulators longer. A slot that is broken does
    # not wait for this: see systemd-veritysetup@root in initrd/tree.
    "systemd.default_device_timeout_sec=300"
    "quiet"
    "rootfstype=erofs"
    "ro"
  ]);
  microcode = builtins.concatStringsSep "\n"
    (map (vendor: "${vendor.vendor} ${vendor.directory}") profile.kernel.microcode);
in
derive {
  name = "hearth-uki-${version}";
  inherit rootfs root initrd version commandLine microcode;
  unpack = ./lib/unpack.py;
  prune = ./prune.txt;
  firmwareDebs = if microcode == "" then [ ] else debs.set "firmware";
  efiArchitecture = profile.efi_architecture;
  script = ''
    mkdir "$out"
    [ -z "$microcode" ] || python3 "$unpack" --into firmware --prune "$prune" $firmwareDebs
    # The kernel takes one file per vendor, all of its updates one after the other.
    while read -r vendor directory; do
      [ -n "$vendor" ] || continue
      mkdir -p early/kernel/x86/microcode
      find "firmware/$directory" -type f ! -name '*.asc' ! -name 'README*' | LC_ALL=C sort | xargs cat >"early/kernel/x86/microcode/$vendor.bin"
    done <<<"$microcode"
    options=()
    if [ -d early ]; then
      find early -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
      (cd early && find . -print0 | LC_ALL=C sort --zero-terminated |
        cpio --null --create --format=newc --reproducible --owner=0:0 --quiet) >microcode.cpio
      options+=(--microcode=microcode.cpio)
    fi
    tar --extract --file="$rootfs" --to-stdout usr/lib/os-release >os-release
    roothash=$(cat "$root/roothash")
    release=$(cat "$initrd/release")
    ukify build --efi-arch="$efiArchitecture" \
      --stub="/usr/lib/systemd/boot/efi/linux$efiArchitecture.efi.stub" \
      --linux="$initrd/vmlinuz" --initrd="$initrd/initrd" "''${options[@]}" \
      --uname="$release" --os-release=@os-release \
      --cmdline="roothash=$roothash $commandLine" \
      --output="$out/hearth_$version.efi"
    chmod 0644 "$out/hearth_$version.efi"
  '';
}
