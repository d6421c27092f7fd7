"""Where a program computes: the CPU, or a GPU through CuPy. What is missing is found out before any data is read."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.diagnostics.amounts import in_bytes
from nndsl.precision import products_of

if TYPE_CHECKING:
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.footprint import Footprint

DEVICES = ("cpu", "gpu", "auto")
"""What a user may ask for."""

_EXTRAS = {12: "cuda12", 13: "cuda13"}
"""Our extras, by CUDA's generation."""

_DRIVERS = {12: "525", 13: "580"}
"""The first driver of each generation of CUDA."""

_NO_DEVICE = 100
"""CUDA_ERROR_NO_DEVICE."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`device`: "cpu" or "gpu". `told`: what and why, for the user; None where nothing was asked for."""

    device: str
    told: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of all that computing on a GPU needs.

    packages: CuPy's, as pip names them. loads: whether CuPy can be imported, else why not. driver: the newest CUDA
    that the driver knows, as CUDA counts (12040 is 12.4), None without a driver. devices: their names. refusal: the
    driver's words where it gives no device. needs: the generation of CUDA that CuPy was made for. nvmath: whether
    nvmath can be imported. free: bytes of the first device.
    """

    packages: tuple[str, ...] = ()
    loads: bool | str = False
    driver: int | None = None
    devices: tuple[str, ...] = ()
    refusal: str | None = None
    needs: int | None = None
    nvmath: bool = False
    free: int = 0


def choose(asked: str, precision: str = "float32") -> Choice:
    """The device for what the user asked for, one of DEVICES.

    Raises UserError NN607, NN650, NN651, NN652 or NN654 where a GPU was asked for and something that it needs, or that
    the precision needs there, is missing.
    """
    if asked == "cpu":
        return Choice("cpu")
    found = look()
    mistake = lacking(found) or _no_products(found, precision)
    if mistake is None:
        return Choice("gpu", _on_the_gpu(found))
    if asked == "gpu":
        raise UserError(mistake)
    return Choice("cpu", f"computes on the CPU: {mistake.message} (`--device gpu` says what to do)")


def _on_the_gpu(found: Found) -> str:
    """Which GPU, and what makes it slower than it could be."""
    told = f"computes on the GPU ({found.devices[0]}, {in_bytes(found.free)} free)"
    if found.nvmath:
        return told
    return f"{told}; without nvmath, training steps are not kept as CUDA graphs: {_pip(_fitting(found.driver))}"


# ------------------------------------------------------------------------------------------------ what there is


def look() -> Found:
    """What there is on this machine. CuPy is asked where it is installed, else the driver itself."""
    packages = _packages()
    if len(packages) > 1 or importlib.util.find_spec("cupy") is None:
        driver, devices, refusal = _driver()
        return Found(packages, driver=driver, devices=devices, refusal=refusal)
    try:
        runtime: Any = importlib.import_module("cupy").cuda.runtime
    except ImportError as failure:
        driver, devices, refusal = _driver()
        reason = str(failure).strip().partition("\n")[0]
        return Found(packages, reason, driver, devices, refusal, _generation_of(packages))
    return _as_cupy_says(runtime, packages)


def _as_cupy_says(runtime: Any, packages: tuple[str, ...]) -> Found:
    """`runtime`: cupy.cuda.runtime."""
    driver = int(runtime.driverGetVersion()) or None
    needs = int(runtime.runtimeGetVersion()) // 1000
    nvmath = importlib.util.find_spec("nvmath") is not None
    try:
        count = runtime.getDeviceCount()
        names = tuple(runtime.getDeviceProperties(device)["name"].decode() for device in range(count))
        free = int(runtime.memGetInfo()[0]) if count else 0
    except runtime.CUDARuntimeError as failure:
        return Found(packages, True, driver, refusal=str(failure), needs=needs, nvmath=nvmath)
    return Found(packages, True, driver, names, None, needs, nvmath, free)


def _packages() -> tuple[str, ...]:
    """Of the packages that bring a module `cupy` those that are installed."""
    from importlib import metadata

    known = ("cupy", *(f"cupy-cuda{generation}x" for generation in (11, *_EXTRAS)))
    found: list[str] = []
    for name in known:
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found)


def _generation_of(packages: tuple[str, ...]) -> int | None:
    return next((generation for generation in _EXTRAS if f"cupy-cuda{generation}x" in packages), None)


def _driver() -> tuple[int | None, tuple[str, ...], str | None]:
    """The CUDA that NVIDIA's driver knows (None without a driver), the names of its devices, and why it has none."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None, (), None
    version, count = ctypes.c_int(0), ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(version))
    failed = library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count))
    if failed and failed != _NO_DEVICE:
        return version.value, (), f"the driver answers with error {failed}"
    return version.value, tuple(_name(library, device) for device in range(count.value)), None


def _name(library: ctypes.CDLL, device: int) -> str:
    text = ctypes.create_string_buffer(100)
    library.cuDeviceGetName(text, len(text), device)
    return text.value.decode()


# ------------------------------------------------------------------------------------------------ what is missing


def lacking(found: Found) -> Diagnostic | None:
    """The first thing that is missing, and how to get it; None where a GPU can be used."""
    if len(found.packages) > 1:
        return _two_packages(found)
    if found.driver is None:
        help = f"install NVIDIA's driver ({_DRIVERS[13]} or later), then {_pip('cuda13')}; or leave `--device` out"
        return error("NN607", "there is no driver of an NVIDIA GPU on this machine", help=help)
    if found.driver < 12000:
        message = f"the GPU's driver knows CUDA {_version(found.driver)}, and CuPy needs CUDA 12.0 or later"
        return error("NN652", message, help=f"a driver of version {_DRIVERS[12]} or later; {_DRIVERS[13]} is CUDA 13's")
    if found.loads is False:
        return _no_cupy(found.driver) if found.devices else _no_device(found)
    if isinstance(found.loads, str):
        message = f"CuPy is installed, and can't be loaded: {found.loads}"
        return error("NN650", message, help=_pip(_fitting(found.driver)))
    if found.needs is not None and found.driver // 1000 < found.needs:
        return _old_driver(found.driver, found.needs, found.packages)
    return None if found.devices else _no_device(found)


def _two_packages(found: Found) -> Diagnostic:
    """NN651: which of them to keep is the driver's matter."""
    kept = f"cupy-cuda{_generation(found.driver)}x"
    message = f"{' and '.join(found.packages)} are installed, and write over each other"
    remove = f"pip uninstall {' '.join(found.packages)}"
    return error("NN651", message, help=f"`{remove}`, then {_pip(_fitting(found.driver))} (with {kept} alone)")


def _no_cupy(driver: int) -> Diagnostic:
    message = "CuPy, which computes on the GPU, is not installed"
    return error("NN650", message, help=f"{_pip(_fitting(driver))}, as the driver knows CUDA {_version(driver)}")


def _old_driver(driver: int, needs: int, packages: tuple[str, ...]) -> Diagnostic:
    """NN652: CuPy is of a generation that the driver does not know yet."""
    name = packages[0] if packages else "CuPy"
    message = f"the GPU's driver knows CUDA {_version(driver)}, and {name} needs CUDA {needs}.0 or later"
    other = f"`pip uninstall {name}` and {_pip(_fitting(driver))}"
    return error("NN652", message, help=f"{other}; or a driver of version {_DRIVERS.get(needs, 'later')} or later")


def _no_device(found: Found) -> Diagnostic:
    """NN607: a driver without a GPU that it can use."""
    notes = () if found.refusal is None else (f"it says: {found.refusal}",)
    help = "`nvidia-smi` lists what the driver sees; CUDA_VISIBLE_DEVICES hides devices; or leave `--device` out"
    return error("NN607", "NVIDIA's driver is there, and finds no GPU that it can use", notes=notes, help=help)


def _no_products(found: Found, precision: str) -> Diagnostic | None:
    """NN654: narrow products without what makes them."""
    if found.nvmath or products_of(precision) is None:
        return None
    message = f"products of {precision} are made through nvmath-python, which is not installed"
    return error("NN654", message, help=_pip(_fitting(found.driver)))


def _generation(driver: int | None) -> int:
    """The newest generation of CUDA that the driver knows and there is an extra for."""
    return max((each for each in _EXTRAS if driver is None or each <= driver // 1000), default=min(_EXTRAS))


def _fitting(driver: int | None) -> str:
    return _EXTRAS[_generation(driver)]


def _pip(extra: str) -> str:
    return f'`pip install "nndsl[{extra}]"`'


def _version(driver: int) -> str:
    """`12.4`, of 12040."""
    return f"{driver // 1000}.{driver % 1000 // 10}"


# ------------------------------------------------------------------------------------------------ its memory


def refuse_on_device(needed: Footprint, train: TrainProgram) -> None:
    """Before anything is allocated on the GPU. Raises UserError NN640 where training a block does not fit there.

    needed: what it takes there; the data where it lies on the device.
    """
    from nndsl.runtime.footprint import too_large
    from nndsl.runtime.machine import FreeMemory

    cupy: Any = importlib.import_module("cupy")
    cupy.get_default_memory_pool().free_all_blocks()  # what was used before, and is kept for what comes
    runtime = cupy.cuda.runtime
    free = int(runtime.memGetInfo()[0])
    name = str(runtime.getDeviceProperties(0)["name"].decode())
    if needed.bytes > free:
        raise too_large(needed, FreeMemory(free, f"the GPU ({name}) has left"), train)
