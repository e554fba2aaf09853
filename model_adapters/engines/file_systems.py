"""File systems: whether a path lies on one that other machines may write to as well.

Linux lists its mounts in /proc/self/mounts (proc(5)): device, mount point, type, options, with blanks written as
octal escapes. Where that list isn't there, as on macOS, every path counts as this machine's own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# Types that machines share. FUSE is among them, for it hides what stands behind it: sshfs, GlusterFS, a bucket.
SHARED = re.compile(
    r"nfs4?|lustre|gpfs|mmfs|cifs|smb[23]?|smbfs|fuse(\..*)?|beegfs|ceph|glusterfs|afs|9p|virtiofs|pvfs2|orangefs|"
    r"panfs|wekafs|ocfs2|gfs2|ncpfs|coda|davfs"
)
OWN_FUSE = {"fuse.fuse-overlayfs", "fuse.overlayfs", "fuse.lxcfs", "fuse.portal", "fuse.gocryptfs", "fuse.encfs"}
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class FileSystem:
    """Where a path lies: the mount point and the type that the kernel gives, such as `ext4` or `nfs4`."""

    mount_point: str
    type: str

    @property
    def is_shared(self) -> bool:
        """Whether other machines may have it mounted too."""
        return self.type not in OWN_FUSE and SHARED.fullmatch(self.type) is not None


def find_file_system(path: Path, mounts: Path | None = None) -> FileSystem | None:
    """The file system that `path` lies on or would be made on; None where `mounts`, a list as Linux keeps it, says
    nothing of it.

    The longest mount point that begins the path counts, and of two mounts at one place the later.
    """
    try:
        lines = (mounts or MOUNTS).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = path.expanduser().resolve()
    chosen: FileSystem | None = None
    for line in lines:
        fields = [_ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), field) for field in line.split(" ")]
        if len(fields) < 3 or not place.is_relative_to(fields[1]):
            continue
        if chosen is None or len(Path(fields[1]).parts) >= len(Path(chosen.mount_point).parts):
            chosen = FileSystem(fields[1], fields[2])
    return chosen
