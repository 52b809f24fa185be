"""From a module of LLVM's instructions to a function that tensors can be given."""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from llvmlite import binding, ir
from torch import Tensor

from featlearn.ops.kernels.emitter import INT, Emitter
from featlearn.ops.kernels.target import Number, Target
from featlearn.ops.kernels.threads import OpenMP, openmp

_ADDRESSES = INT.as_pointer()
_PART = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Kernel:
    """A compiled function that shares its work between threads.

    The work is a number of independent units, cut into one run for each thread. Every unit
    is computed alike wherever it falls, so that the number of threads changes no byte.
    """

    def __init__(self, module: ir.Module, work: ir.Function, *, units: int, target: Target) -> None:
        """Compile the module.

        Args:
            module: Holds `work`.
            work: Takes pointers, then the first unit and the one after the last.
            units: How many units there are.
            target: What to compile for.
        """
        self._openmp = openmp()
        _add_part(module, work, units)
        if self._openmp is not None:
            _add_entry(module, self._openmp)
        self._engine = _compile(module, target)
        self._part: Callable[..., None] = _PART(self._engine.get_function_address("part"))
        if self._openmp is not None:
            self._entry: int = self._engine.get_function_address("entry")

    def __call__(self, *tensors: Tensor) -> None:
        """Do the work on contiguous tensors, as many as `work` has pointers."""
        assert all(tensor.is_contiguous() for tensor in tensors)
        addresses = (ctypes.c_int64 * len(tensors))(*(tensor.data_ptr() for tensor in tensors))
        place, threads = ctypes.addressof(addresses), torch.get_num_threads()
        if threads == 1:
            self._part(place, 0, 1)
        elif self._openmp is not None:
            self._openmp.parallel(self._entry, place, threads, 0)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda thread: self._part(place, thread, threads), range(threads)))


def _add_part(module: ir.Module, work: ir.Function, units: int) -> None:
    """Add `part(addresses, thread, threads)`, which does one thread's share."""
    kind = ir.FunctionType(ir.VoidType(), [_ADDRESSES, INT, INT])
    part = ir.Function(module, kind, "part")
    emit = Emitter(part.append_basic_block("entry"))
    addresses, thread, threads = part.args
    begin = emit.sdiv(emit.times(thread, units), threads)
    end = emit.sdiv(emit.times(emit.add(thread, emit.whole(1)), units), threads)
    pointers: Sequence[Any] = work.args[:-2]
    given = [
        emit.inttoptr(emit.load(emit.at(addresses, place)), pointer.type)
        for place, pointer in enumerate(pointers)
    ]
    emit.call(work, [*given, begin, end])
    emit.ret_void()


def _add_entry(module: ir.Module, library: OpenMP) -> None:
    """Add `entry(addresses)`, which every thread of a parallel region calls."""
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [_ADDRESSES]), "entry")
    emit = Emitter(entry.append_basic_block("entry"))
    asking = ir.FunctionType(ir.IntType(32), []).as_pointer()
    thread, threads = (
        emit.sext(emit.call(emit.inttoptr(emit.whole(address), asking), []), INT)
        for address in (library.thread, library.threads)
    )
    emit.call(module.get_global("part"), [entry.args[0], thread, threads])
    emit.ret_void()


def _compile(module: ir.Module, target: Target) -> Any:
    """Optimise and translate; what loops do is written out, so nothing is unrolled further."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=target.features, opt=3
    )
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine


def pointer_to(number: Number) -> Any:
    """Give the type of a pointer to numbers."""
    return number.scalar.as_pointer()
