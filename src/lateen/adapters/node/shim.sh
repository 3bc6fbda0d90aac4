# Runs one container and keeps its exit code in a file (descriptor 3), so that the node agent may die and come back.
# $1 = number of control group files (descriptors 4 and up), $2 = options of the proc mount, $3 = working directory,
# $4 = PATH of the container, $5 = command to look up, the rest = the full command line of the container's first process.
# unshare itself stays silent (it complains when its child was killed); the container's own error output goes by way of 9.
exec 9>&2 2>/dev/null
unshare --pid --fork /bin/dash -c '
  groups=$1 options=$2 directory=$3 path=$4 name=$5
  shift 5
  number=0
  while [ "$number" -lt "$groups" ]; do
    eval "echo 0 >&$((number + 4)); exec $((number + 4))>&-"
    number=$((number + 1))
  done
  mount -t proc -o "$options" proc /proc || { echo "error: cannot mount /proc" >&3; exit 126; }
  cd -- "$directory" 2>/dev/null || { echo "error: working directory $directory does not exist" >&3; exit 126; }
  (PATH=$path; command -v -- "$name") >/dev/null || {
    echo "error: exec: \"$name\": executable file not found in \$PATH" >&3; exit 127; }
  exec 3>&- 2>&9 9>&-
  exec "$@"
' init "$@"
echo "code: $?" >&3
