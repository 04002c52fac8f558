"""Weights split over W processes with PyTorch's FSDP 2, in the place of a copy in each.

Between steps a process holds 1/W of every weight, gradient and optimizer moment (`fully_shard`,
ZeRO stage 3). The blocks of a tower are gathered one at a time for their own forward and backward,
what is outside of blocks for the whole step. The curve is that of data parallel training.

Only the training encoder is split: a copy of the plain one, which stays on the host and takes the
weights of all processes (`collect`) when a model is validated or saved. Checkpoints hold whole
tensors (`gathered`), so that a run may go on with another number of processes, or with one.

`fully_shard` is called here and not through Accelerate's plugin, which refuses a CPU, and any model
with a scalar parameter such as CLIP's temperature. Scalars stay whole in every process.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

import torch
from accelerate import Accelerator
from accelerate.utils import convert_outputs_to_fp32
from torch import Tensor, nn
from torch.distributed import all_gather, all_reduce
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from glasskit.training.batches import Encoded
from glasskit.training.lora import LoraEncoder


def shard(encoder: nn.Module, accelerator: Accelerator) -> nn.Module:
    """A copy of an encoder whose weights are split over the processes; names stay the same."""
    split = copy.deepcopy(encoder).to(accelerator.device)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    scalars = {p for p in split.parameters() if p.ndim == 0}
    # Low-rank changes are added to all matrices at the start of a step, so all are gathered then.
    units = [] if isinstance(split, LoraEncoder) else list(blocks(split))
    for unit in (*units, split):
        fully_shard(unit, mesh=mesh, ignored_params=scalars)
    for scalar in scalars:
        if scalar.requires_grad:
            scalar.register_post_accumulate_grad_hook(_mean)
    _run_in_precision(split, accelerator)
    return split


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost repeated layers: children of one type in a list or sequence, with weights."""
    for child in module.children():
        layers = list(child.children())
        alike = len(layers) > 1 and len({type(layer) for layer in layers}) == 1
        if alike and isinstance(child, (nn.ModuleList, nn.Sequential)):
            yield from (layer for layer in layers if any(True for _ in layer.parameters()))
        else:
            yield from blocks(child)


def local(tensor: Tensor) -> Tensor:
    """This process's part of a tensor, sharing its memory; a plain tensor is all there is."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor; every process has to ask at the same place."""
    if not isinstance(tensor, DTensor):
        return tensor
    # Rows are dealt in equal parts, the last ones less or none. `DTensor.full_tensor` does the same
    # by another collective, which was once seen to hang in gloo.
    group, own = tensor.device_mesh.get_group(), tensor.to_local()
    rows = -(-tensor.shape[0] // group.size())
    padded = own.new_zeros(rows, *tensor.shape[1:])
    padded[: own.shape[0]] = own
    parts = [torch.empty_like(padded) for _ in range(group.size())]
    all_gather(parts, padded, group=group)
    return torch.cat(parts)[: tensor.shape[0]]


def part(values: Tensor, like: Tensor) -> Tensor:
    """Whole values laid out, and placed, as another tensor of their shape is."""
    values = values.to(like.device)
    if not isinstance(like, DTensor) or values.shape != like.shape:
        return values
    return distribute_tensor(values, like.device_mesh, like.placements, src_data_rank=None)


def gathered(tensors: Mapping[str, Tensor], keep: bool) -> dict[str, Tensor]:
    """Whole tensors on the host, where ``keep`` is set; one at a time is on the device."""
    found = {}
    for name, tensor in tensors.items():
        values = whole(tensor.detach())
        if keep:
            found[name] = values.cpu()
    return found


@torch.no_grad()
def collect(split: nn.Module, plain: nn.Module) -> None:
    """Give the plain encoder the trained weights of the split one."""
    for name, parameter in split.named_parameters():
        if parameter.requires_grad:
            plain.get_parameter(name).copy_(whole(parameter))


def _mean(scalar: Tensor) -> None:
    """Average a gradient over the processes, as is done with those of the split weights."""
    all_reduce(scalar.grad)
    scalar.grad /= torch.distributed.get_world_size()


def _run_in_precision(encoder: nn.Module, accelerator: Accelerator) -> None:
    """Forward in the run's precision with float32 results, as `Accelerator.prepare` has it."""
    forward = encoder.forward

    def run(images: Tensor, texts: Tensor) -> Encoded:
        with accelerator.autocast():
            return forward(images, texts)

    encoder.forward = convert_outputs_to_fp32(run)
