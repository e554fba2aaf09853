"""File systems: which ones other machines share, as Linux lists its mounts."""

from pathlib import Path

import pytest

from sightscale.model_adapters.engines.file_systems import FileSystem, find_file_system

MOUNTS = """proc /proc proc rw 0 0
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/nvme0n1 /home/me/scratch xfs rw 0 0
host:/data /mnt/my\\040data fuse.sshfs rw 0 0
tmpfs /twice tmpfs rw 0 0
server:/twice /twice nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "point", "kind", "shared"),
    [
        ("/var/run.sqlite", "/", "ext4", False),
        ("/home/me/run.sqlite", "/home", "nfs4", True),
        ("/home/me/scratch/deep/run.sqlite", "/home/me/scratch", "xfs", False),
        ("/homestead/run.sqlite", "/", "ext4", False),
        ("/mnt/my data/run.sqlite", "/mnt/my data", "fuse.sshfs", True),
        ("/twice/run.sqlite", "/twice", "nfs", True),
    ],
)
def test_the_longest_mount_point_counts(path: str, point: str, kind: str, shared: bool, tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    found = find_file_system(Path(path), tmp_path / "mounts")
    assert found == FileSystem(point, kind) and found.is_shared == shared


@pytest.mark.parametrize(
    ("kind", "shared"),
    [(name, True) for name in ("nfs", "nfs4", "lustre", "gpfs", "cifs", "smb3", "fuse", "fuse.s3fs", "ceph", "beegfs")]
    + [(name, False) for name in ("ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", "fuse.fuse-overlayfs")],
)
def test_types_that_machines_share(kind: str, shared: bool) -> None:
    assert FileSystem("/", kind).is_shared == shared


def test_a_link_is_followed_to_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    (tmp_path / "mounts").write_text(f"disk / ext4 rw 0 0\nserver:/ {tmp_path.resolve()}/far nfs rw 0 0\n")
    found = find_file_system(tmp_path / "near" / "store.sqlite", tmp_path / "mounts")
    assert found is not None and found.is_shared


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    assert find_file_system(Path("/"), tmp_path / "none") is None
    (tmp_path / "mounts").write_bytes(b"\xff\xfe\nno fields\n\n")
    assert find_file_system(Path("/"), tmp_path / "mounts") is None
