# What runs before the root is there: finds the disk, opens slot A or B with
# dm-verity, makes slot B and the data partition on first boot, mounts both.
#
# It is systemd from the same packages, not a distribution's initrd generator.
# The kernel's modules come from the root's tar, so both are of one package.
{ derive, debs, profile, version }:

derive {
  name = "hearth-initrd-${version}";
  debs = debs.set "initrd";
  kernelDebs = debs.set "kernel";
  modules = profile.kernel.initrd_modules;
  inherit version;
  unpack = ./lib/unpack.py;
  prune = ./initrd/prune.txt;
  kernelPrune = ./initrd/prune-kernel.txt;
  scripts = ./debian/scripts.json;
  ids = ../system-config/usr/lib/sysusers.d/00-hearth-ids.conf;
  overlay = builtins.path { path = ./initrd/tree; name = "initrd-tree"; };
  manager = ../system-config/usr/lib/systemd/system.conf.d/10-hearth.conf;
  repart = builtins.path { path = ../system-config/usr/lib/repart.d; name = "repart.d"; };
  script = ''
    python3 "$unpack" --into tree --prune "$prune" --scripts "$scripts" $debs
    python3 "$unpack" --into kernel --prune "$kernelPrune" $kernelDebs
    cp --recursive --no-preserve=mode,ownership,timestamps --remove-destination "$overlay/." tree
    chmod 0755 tree/usr/lib/hearth/*

    # repart 257 reads the initrd's own /usr here, not the root's.
    mkdir -p tree/usr/lib/repart.d tree/usr/lib/modules-load.d
    cp --no-preserve=mode,ownership "$repart"/*.conf tree/usr/lib/repart.d

    # The watchdog is fed from here on, so that a start that hangs ends.
    install -D --mode=0644 "$manager" tree/usr/lib/systemd/system.conf.d/10-hearth.conf

    mkdir -p tree/{dev,proc,sys,run,tmp,sysroot,var,etc}
    printf 'NAME="Hearth"\nID=hearth\nVERSION_ID=%s\nIMAGE_ID=hearth\nIMAGE_VERSION=%s\n' "$version" "$version" >tree/etc/initrd-release
    ln -sf initrd-release tree/etc/os-release
    ln -sf /usr/lib/systemd/systemd tree/init
    : >tree/etc/machine-id
    cp tree/usr/share/base-passwd/passwd.master tree/etc/passwd
    cp tree/usr/share/base-passwd/group.master tree/etc/group
    # udev's rules name groups; they have the numbers that the root gives them.
    install -D --mode=0644 "$ids" tree/usr/lib/sysusers.d/00-hearth-ids.conf
    systemd-sysusers --root="$PWD/tree"
    sed -i 's/^\([^:]*\):[^:]*:/\1:*:/' tree/etc/shadow
    rm -f tree/etc/*- tree/etc/.pwd.lock
    rm -rf tree/usr/share/base-passwd tree/usr/lib/sysusers.d
    systemctl --root="$PWD/tree" set-default initrd.target
    rm -rf tree/etc/systemd/system/*.wants

    # The named modules and what they depend on, nothing more.
    ln -s usr/lib kernel/lib
    release=$(basename kernel/usr/lib/modules/*)
    depmod --basedir "$PWD/kernel" "$release"
    for module in $modules; do
      # Built into the kernel, or without a file in this kernel: both print no path.
      modprobe --dirname "$PWD/kernel" --set-version "$release" --show-depends "$module" |
        sed -n 's/^insmod \(\S*\).*/\1/p'
    done | sort -u | while read -r file; do
      relative=''${file#"$PWD/kernel/"}
      # Unpacked: the initrd is compressed as a whole, and zstd is read many times faster than Debian's xz.
      mkdir -p "tree/''${relative%/*}"
      xz --decompress --stdout "$file" >"tree/''${relative%.xz}"
    done
    cp kernel/usr/lib/modules/"$release"/modules.{builtin,builtin.modinfo,order} tree/usr/lib/modules/"$release"/
    depmod --basedir "$PWD/tree" "$release"
    printf '%s\n' dm_mod dm_verity erofs btrfs vfat nls_cp437 nls_ascii efivarfs >tree/usr/lib/modules-load.d/hearth.conf

    ldconfig -r "$PWD/tree"
    rm -rf tree/var/cache/ldconfig
    find tree -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    mkdir "$out"
    (cd tree && find . -print0 | LC_ALL=C sort --zero-terminated |
      cpio --null --create --format=newc --reproducible --owner=0:0 --quiet) |
      zstd -15 --threads=1 --quiet >"$out/initrd"
    cp kernel/boot/vmlinuz-"$release" "$out/vmlinuz"
    echo "$release" >"$out/release"
  '';
}
