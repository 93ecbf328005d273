#!/bin/bash
# A real xrdp with sessions of its own user, in the network namespace that it is started in and in namespaces of its own
# for all else: nothing of it is seen outside, and all of it ends with this.
#
#   xrdp_server.sh ADDRESS USER PASSWORD_FILE DIRECTORY
#
# DIRECTORY is shared with the outside: the session writes `ready` there, and executes what appears as `command` as its
# user, with its display (`output` and `status` are the answer).
set -euo pipefail
if [ "${XRDP_INSIDE:-}" != 1 ]; then
  exec env XRDP_INSIDE=1 unshare --mount --propagation private --pid --fork --kill-child=SIGKILL --mount-proc "$0" "$@"
fi
address=$1 user=$2 directory=$4
password=$(openssl passwd -6 -stdin <"$3")  # read now: what lies there is hidden soon
hidden=/mnt
mount -t tmpfs none "$hidden"
mkdir "$hidden/etc" "$hidden/share"
mount --bind "$directory" "$hidden/share"
for file in passwd shadow group; do cp -a "/etc/$file" "$hidden/etc/$file"; done
cp -a /etc/xrdp "$hidden/etc/xrdp"
for file in passwd shadow group; do mount --bind "$hidden/etc/$file" "/etc/$file"; done
mount --bind "$hidden/etc/xrdp" /etc/xrdp
mount -t tmpfs none /home
mount -t tmpfs none /tmp
mount -t tmpfs none /run
mount -t tmpfs none /var/log
mkdir -p /run/xrdp/sockdir /run/user /tmp/.X11-unix /tmp/share
chmod 1777 /tmp /tmp/.X11-unix
chmod 3777 /run/xrdp/sockdir
mount --move "$hidden/share" /tmp/share
# useradd would replace the files, which are mounted.
id_number=23117
echo "$user:x:$id_number:$id_number::/home/$user:/bin/bash" >>/etc/passwd
echo "$user:x:$id_number:" >>/etc/group
echo "$user:$password:20000:0:99999:7:::" >>/etc/shadow
mkdir -p "/home/$user"
cat >/etc/xrdp/startwm.sh <<'SESSION'
#!/bin/bash
# The session: a colour, and whatever it is told.
cd "$HOME"
xsetroot -solid "#336699" || true
xmessage -geometry 500x350+200+150 "A window of the backend" &
: >/tmp/share/ready
while sleep 0.1; do
  [ -e /tmp/share/command ] || continue
  mv /tmp/share/command /tmp/share/running
  status=0
  timeout 20 bash /tmp/share/running >/tmp/share/output.new 2>&1 </dev/null || status=$?
  mv /tmp/share/output.new /tmp/share/output
  echo "$status" >/tmp/share/status.new
  mv /tmp/share/status.new /tmp/share/status
done
SESSION
chmod 755 /etc/xrdp/startwm.sh
chown -R "$id_number:$id_number" "/home/$user" /tmp/share
sed -i -e "s|^port=3389|port=tcp://$address:3389|" -e 's|^LogFile=.*|LogFile=/var/log/xrdp.log|' \
  -e "s|^#\?autorun=.*|autorun=Xorg|" -e 's|^security_layer=.*|security_layer=tls|' /etc/xrdp/xrdp.ini
sed -i -e 's|^EnableSyslog=.*|EnableSyslog=false|' -e 's|^LogFile=.*|LogFile=/var/log/xrdp-sesman.log|' /etc/xrdp/sesman.ini
# Links to files that all of the machine share.
rm -f /etc/xrdp/key.pem /etc/xrdp/cert.pem
openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/xrdp/key.pem -out /etc/xrdp/cert.pem -subj /CN=backend -days 30 \
  2>/dev/null
chmod 644 /etc/xrdp/key.pem /etc/xrdp/cert.pem
xrdp-sesman --nodaemon &
# Who comes before it listens gets a dialogue and no session.
for _ in {1..400}; do
  [ -z "$(ss -Hltn 'sport = :3350')" ] || break
  sleep 0.05
done
exec xrdp --nodaemon
