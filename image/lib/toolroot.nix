# The pinned Debian tools that every later step runs in, as one tree.
#
# It is unpacked with nothing but the sandbox's /bin/sh, a static busybox. Debian
# packages are `ar` archives, and `ar`, `tar` and `unxz` are all it takes.
{ debs, system }:

derivation {
  name = "hearth-tools";
  inherit system debs;
  builder = "/bin/sh";
  args = [
    "-euc"
    ''
      mkdir "$out"
      for deb in $debs; do
        ar p "$deb" data.tar.xz | unxz | tar -x -o -C "$out"
      done
      # What a maintainer script would have done, as far as build steps need it.
      ln -s mawk "$out/usr/bin/awk"
    ''
  ];
}
