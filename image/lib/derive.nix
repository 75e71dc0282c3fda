# A build step: a bash script that runs inside the pinned tools and sees nothing else.
#
# Nix's sandbox gives one user id and no privilege. Inside it a second user and
# mount namespace puts the tool tree where Debian's programs expect it, at /usr.
# The script runs with the attributes in its environment and the clock of
# SOURCE_DATE_EPOCH wherever a tool would write a time.
{ toolroot, system, epoch }:

{ name, script, ... } @ attributes:

derivation (attributes // {
  inherit name system toolroot;
  builder = "/bin/sh";
  script = "set -euo pipefail\n" + script;
  passAsFile = [ "script" ] ++ (attributes.passAsFile or [ ]);
  SOURCE_DATE_EPOCH = toString epoch;
  LC_ALL = "C.UTF-8";
  TZ = "UTC";
  args = [
    "-euc"
    ''
      export chroot_dir="$NIX_BUILD_TOP/.tools" PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 HOME=/tmp
      mkdir "$chroot_dir"
      exec unshare -r -m sh -euc '
        mount -t tmpfs -o mode=0755 tools "$chroot_dir"
        cd "$chroot_dir"
        mkdir usr nix dev proc build etc var var/tmp tmp run sys
        ln -s usr/bin bin; ln -s usr/sbin sbin; ln -s usr/lib lib; ln -s usr/lib64 lib64
        echo "root:x:0:0::/:/bin/bash" >etc/passwd
        echo "root:x:0:" >etc/group
        mount --rbind "$toolroot/usr" usr
        mount --rbind /nix nix
        mount --rbind /dev dev
        mount --rbind /proc proc
        mount --rbind "$NIX_BUILD_TOP" build
        export PATH=/usr/bin:/usr/sbin
        exec chroot . /usr/bin/bash -c "cd /build && source \"/build/''${scriptPath##*/}\""
      '
    ''
  ];
})
