# The image that is flashed: ESP, slot A with this release, slot B empty. The data
# partition is made on first boot, by the same definitions, in the size of the disk.
{ derive, rootfs, root, uki, profile, version }:

derive {
  name = "hearth-disk-${version}";
  inherit rootfs root uki version;
  efiArchitecture = profile.efi_architecture;
  partitionArchitecture = profile.partition_architecture;
  repart = builtins.path { path = ../system-config/usr/lib/repart.d; name = "repart.d"; };
  loaderConf = ./loader.conf;
  script = ''
    # %A in the definitions is the release of the system that repart runs on; here that is the image's.
    tar --extract --file="$rootfs" --to-stdout usr/lib/os-release >/etc/os-release
    cp --no-preserve=mode,ownership "$repart" --recursive definitions
    rm definitions/30-data.conf
    # `root` means this machine's architecture; the image's is said by name.
    sed -i "s/^Type=root\$/Type=root-$partitionArchitecture/; s/^Type=root-verity\$/Type=root-$partitionArchitecture-verity/" definitions/*.conf

    mkdir -p esp/EFI/{BOOT,systemd,Linux} esp/loader
    # The path that firmware takes without being told, and the one that bootctl keeps up to date from the root.
    boot=boot.efi
    tar --extract --file="$rootfs" --to-stdout "usr/lib/systemd/boot/efi/systemd-boot$efiArchitecture.efi.signed" >"$boot"
    cp "$boot" "esp/EFI/BOOT/BOOT''${efiArchitecture^^}.EFI"
    cp "$boot" "esp/EFI/systemd/systemd-boot$efiArchitecture.efi"
    cp "$uki/hearth_$version.efi" esp/EFI/Linux/
    cp "$loaderConf" esp/loader/loader.conf
    find esp -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
    echo "CopyFiles=/build/esp:/" >>definitions/00-esp.conf

    # systemd finds both partitions by halves of the root hash.
    as_uuid() { sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)\(.\{12\}\)/\1-\2-\3-\4-\5/' <<<"$1"; }
    roothash=$(cat "$root/roothash")
    printf 'CopyBlocks=%s\nUUID=%s\n' "$root/root.erofs" "$(as_uuid "''${roothash:0:32}")" >>definitions/10-root-a.conf
    printf 'CopyBlocks=%s\nUUID=%s\n' "$root/root.verity" "$(as_uuid "''${roothash:32:32}")" >>definitions/11-root-a-verity.conf

    mkdir "$out"
    # 512: with repart's own choice of 4096-byte sectors firmware cannot read the FAT.
    systemd-repart --definitions=definitions --empty=create --size=auto --dry-run=no --offline=yes \
      --sector-size=512 --seed=5f7c6b0e-0b0c-4d0e-9a59-6865617274a0 "$out/hearth_$version.raw"
  '';
}
