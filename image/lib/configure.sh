# What the packages' maintainer scripts would have done, declared step by step.
# Sourced by rootfs.nix with the unpacked tree in ./tree.

# -- Directories that no package brings
for directory in dev boot proc run sys tmp var root etc/systemd/system; do mkdir -p "tree/$directory"; done
# Homes live with the data; programs that a person installs by hand are nobody's case.
ln -sfn var/home tree/home
ln -sfn var/mnt tree/mnt
rm -rf tree/opt tree/media tree/boot/*

# -- Which system this is
cat >tree/usr/lib/os-release <<END
NAME="Hearth"
PRETTY_NAME="Hearth $version"
ID=hearth
ID_LIKE=debian
VERSION_ID=$version
VERSION_CODENAME=trixie
IMAGE_ID=hearth
IMAGE_VERSION=$version
VARIANT_ID=$boardName
END
ln -sfn ../usr/lib/os-release tree/etc/os-release
cp tree/usr/share/base-files/profile tree/etc/profile
: >tree/etc/subuid
: >tree/etc/subgid
: >tree/etc/shells
rm -rf tree/etc/issue tree/etc/issue.net tree/etc/update-motd.d tree/usr/share/base-files

# -- Accounts: Debian's fixed ones, then those that packages declare.
# 00-hearth-ids.conf gives every one its number; a number that sysusers picks by
# itself could be another one in the next release, under the same files in /var.
cp tree/usr/share/base-passwd/passwd.master tree/etc/passwd
cp tree/usr/share/base-passwd/group.master tree/etc/group
sed -n 's/^\([^:]*\):.*/\1/p' tree/etc/passwd tree/etc/group | sort -u >fixed-names
systemd-sysusers --root="$PWD/tree"
sed -n 's/^[ug][!]\?[[:space:]]\+\([^[:space:]]*\)[[:space:]].*/\1/p' tree/usr/lib/sysusers.d/00-hearth-ids.conf | sort -u >pinned-names
sed -n 's/^\([^:]*\):.*/\1/p' tree/etc/passwd tree/etc/group | sort -u >all-names
sort -u fixed-names pinned-names | comm -13 - all-names >unpinned-names
if [ -s unpinned-names ]; then
  echo "rootfs: these accounts have no pinned number; add each to system-config/usr/lib/sysusers.d/00-hearth-ids.conf:" >&2
  grep --word-regexp --file=unpinned-names tree/etc/passwd tree/etc/group >&2
  exit 1
fi
# No password opens any account, root's included.
sed -i 's/^\([^:]*\):[^:]*:/\1:*:/' tree/etc/shadow
if cut -d: -f2 tree/etc/passwd | grep -qvx x; then sed -i 's/^\([^:]*\):[^:]*:/\1:x:/' tree/etc/passwd; fi
# Who has an `x` there and no line in shadow is nobody to PAM, root with an SSH key among them.
without_line=$(cut -d: -f1 tree/etc/passwd | while read -r name; do grep -q "^$name:" tree/etc/shadow || echo "$name"; done)
for name in $without_line; do echo "$name:*:$((SOURCE_DATE_EPOCH / 86400))::::::"; done >>tree/etc/shadow
rm -f tree/etc/passwd- tree/etc/group- tree/etc/shadow- tree/etc/gshadow- tree/etc/.pwd.lock

# -- Certificates: all that Mozilla trusts, in the two forms that programs look for
mkdir -p tree/etc/ssl/certs
find tree/usr/share/ca-certificates -name '*.crt' | LC_ALL=C sort | while read -r certificate; do
  cat "$certificate"
  echo
done >tree/etc/ssl/certs/ca-certificates.crt

# -- Units: the presets say what is on
systemctl --root="$PWD/tree" preset-all
# preset-all takes default.target away with everything else that is not named.
systemctl --root="$PWD/tree" set-default multi-user.target

# -- Firmware: what this kernel can ask for. Microcode is in the UKI, before the kernel.
rm -rf tree/usr/lib/firmware/intel-ucode tree/usr/lib/firmware/amd-ucode
python3 "$firmware" --tree tree --undeclared "$firmwareUndeclared"

# -- Indexes
systemd-hwdb --root="$PWD/tree" --usr --strict update
rm -rf tree/usr/lib/udev/hwdb.d
for modules in tree/usr/lib/modules/*; do
  [ -d "$modules/kernel" ] && depmod --basedir "$PWD/tree" "${modules##*/}"
done
# ldconfig knows its own architecture only; elsewhere the default directories do.
if [ "$architecture" = amd64 ]; then
  ldconfig -r "$PWD/tree"
  rm -f tree/var/cache/ldconfig/aux-cache
fi
rm -rf tree/var && mkdir tree/var

# -- Nothing on the device renews what the image brings, so say that it is new
touch --date="@$SOURCE_DATE_EPOCH" tree/etc/.updated
