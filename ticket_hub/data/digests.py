"""What the files of published data sets hash to, by their place in torchvision's layout.

The digests are of unpacked bytes. Where torchvision itself knows a digest of the unpacked file, it
is torchvision's md5; the others are sha256 of the files that its archives unpack to.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["PUBLISHED"]

PUBLISHED: Mapping[str, str] = MappingProxyType(
    {
        "MNIST/raw/train-images-idx3-ubyte": (
            "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "MNIST/raw/train-labels-idx1-ubyte": (
            "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "MNIST/raw/t10k-images-idx3-ubyte": (
            "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "MNIST/raw/t10k-labels-idx1-ubyte": (
            "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
        "FashionMNIST/raw/train-images-idx3-ubyte": (
            "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "FashionMNIST/raw/train-labels-idx1-ubyte": (
            "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "FashionMNIST/raw/t10k-images-idx3-ubyte": (
            "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "FashionMNIST/raw/t10k-labels-idx1-ubyte": (
            "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
        "EMNIST/raw/emnist-letters-train-images-idx3-ubyte": (
            "sha256:7a786db773b2096a7b9a3f3275388a27711f4451548c3ca8be96f09ae94371ae"
        ),
        "EMNIST/raw/emnist-letters-train-labels-idx1-ubyte": (
            "sha256:e8e94c3f4353d5532fd9604b939cb4c76e7847945b9b0d9ff7884d881dead6bc"
        ),
        "EMNIST/raw/emnist-letters-test-images-idx3-ubyte": (
            "sha256:d5895e82d14765b22a84342337bc5c25f1affd61cc97d3821d4e65504bbf8dbc"
        ),
        "EMNIST/raw/emnist-letters-test-labels-idx1-ubyte": (
            "sha256:22dbcde0a929a7f166bdac863b9195b2994d840a1e082f8f6daaeac5606376a6"
        ),
        "cifar-10-batches-py/data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "md5:634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
        "cifar-10-batches-py/test_batch": "md5:40351d587109b95175f43aff81a1287e",
        "cifar-10-batches-py/batches.meta": "md5:5ff9c542aee3614f3951f8cda6e48888",
        "cifar-100-python/train": "md5:16019d7e3df5f24257cddd939b257f8d",
        "cifar-100-python/test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
        "cifar-100-python/meta": "md5:7973b15100ade9c7d40fb424638fde48",
        "places365/categories_places365.txt": "md5:06c963b85866bd0649f97cb43dd16673",
        "places365/places365_train_standard.txt": "md5:30f37515461640559006b8329efbed1a",
        "places365/places365_val.txt": "md5:e9f2fd57bfd9d07630173f4e8708e4b1",
        "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
        "usps.bz2": "md5:ec16c51db3855ca6c91edd34d0e9b197",
        "usps.t.bz2": "md5:8ea070ee2aca1ac39742fdd1ef5ed118",
    }
)
