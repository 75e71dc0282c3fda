# What the maintainer scripts of the base packages would have done in folder $1.
base_root=$1
ln -s busybox "$base_root/usr/bin/sh"
for applet in $(cat "$here/images/base/applets"); do
    [[ -e $base_root/usr/bin/$applet ]] || ln -s busybox "$base_root/usr/bin/$applet"
done
mkdir -p "$base_root/etc/ssl/certs" "$base_root/data" "$base_root/run"
mkdir -p -m 1777 "$base_root/tmp"
cat "$base_root"/usr/share/ca-certificates/mozilla/*.crt >"$base_root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$base_root/usr/share/ca-certificates"
