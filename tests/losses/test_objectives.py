"""What holds for every objective of the registry, one table over all of them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import fields, replace

import pytest
import torch

from glasskit.losses import GroupedBatch
from glasskit.losses.negation import directions
from glasskit.losses.objectives import (
    OBJECTIVES,
    build_objective,
    settings_of,
)
from tests.losses.literal_objectives import LITERAL, semclip
from tests.losses.objective_batches import differentiable, full_batch, reordered, vectors_of

NAMES = tuple(OBJECTIVES)
NEEDS_TWO_MEMBERS = "grouped-leave-one-out"


def literal(name: str, batch: GroupedBatch, scale: float) -> float:
    if name == "semclip":
        return semclip(batch, directions(batch.width, 0).T.tolist(), scale)
    return LITERAL[name](batch, scale)


def quiet(name: str, batch: GroupedBatch, **settings: object) -> torch.Tensor:
    """The value, without the warnings that M = 1 and N = 1 give."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="[MN] = 1")
        return build_objective(name, **settings)(batch).total


def extreme_batches() -> dict[str, GroupedBatch]:
    plain = full_batch(dtype=torch.float32)
    one, zero = torch.ones_like(plain.image), torch.zeros_like(plain.image)
    duplicate = plain.image[:, :1].expand_as(plain.image).contiguous()
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])[None, :, None]
    odd = torch.arange(plain.width) % 2
    return {
        "zero": replace(plain, image=zero),
        "centroids that cancel": replace(plain, image=duplicate * sign, text=duplicate * sign),
        "products that vanish": replace(plain, image=one * odd, text=one * (1 - odd)),
        "aligned": replace(plain, image=one, text=one, paraphrase=one, negation=one),
        "opposed": replace(plain, image=one, text=-one, paraphrase=-one, negative_image=-one),
        "duplicate": replace(plain, image=duplicate, text=duplicate, paraphrase=duplicate),
        "orthogonal": replace(plain, **axes(plain)),
    }


def axes(batch: GroupedBatch) -> dict[str, torch.Tensor]:
    eye = torch.eye(batch.width)[: batch.groups, None, :].expand_as(batch.image).contiguous()
    return {"image": eye, "text": eye, "paraphrase": eye, "negation": eye.roll(1, 0)}


@pytest.mark.parametrize("temperature", [0.05, 1.0])
@pytest.mark.parametrize(("groups", "members"), [(3, 4), (2, 2), (4, 1), (1, 3), (1, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_literal_form(
    name: str, groups: int, members: int, temperature: float
) -> None:
    if name == NEEDS_TWO_MEMBERS and members == 1:
        pytest.skip("nothing is left when the only member is left out")
    batch = full_batch(groups, members)
    value = quiet(name, batch, temperature=temperature)
    assert value.dtype == torch.float64
    assert value.shape == ()
    expected = literal(name, batch, 1 / temperature)
    assert value.item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_learned_scale_replaces_the_temperature(name: str) -> None:
    scale = torch.tensor(2.5, dtype=torch.float64).requires_grad_()
    batch = replace(full_batch(), logit_scale=scale)
    value = build_objective(name, temperature=0.5)(batch).total
    expected = literal(name, batch, torch.exp(scale).item())
    assert value.item() == pytest.approx(expected, rel=1e-6)
    value.backward()
    assert scale.grad is not None
    assert scale.grad.isfinite()
    assert scale.grad != 0


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    batch, _ = differentiable(full_batch(2, 2, 3, patches=2))
    objective = build_objective(name, temperature=0.5)
    read = ("image", "text", *objective.needs)

    def total(*values: torch.Tensor) -> torch.Tensor:
        return objective(replace(batch, **dict(zip(read, values, strict=True)))).total

    assert torch.autograd.gradcheck(total, tuple(getattr(batch, field) for field in read))


@pytest.mark.parametrize("name", NAMES)
def test_order_of_groups_and_members_does_not_matter(name: str) -> None:
    batch = full_batch()
    objective = build_objective(name)
    moved = reordered(batch, torch.tensor([2, 0, 1]), torch.tensor([3, 1, 0, 2]))
    torch.testing.assert_close(objective(moved).total, objective(batch).total)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_accumulates_in_float32(name: str, dtype: torch.dtype) -> None:
    batch, leaves = differentiable(full_batch(dtype=dtype))
    wide = replace(batch, **{n: v.detach().float() for n, v in vectors_of(batch).items()})
    objective = build_objective(name)
    value = objective(batch).total
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, objective(wide).total)
    value.backward()
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
    assert len(grads) >= 2
    assert all(grad.isfinite().all() and grad.dtype == dtype for grad in grads)


@pytest.mark.parametrize("name", NAMES)
def test_autocast_changes_nothing(name: str) -> None:
    batch = full_batch(dtype=torch.float32)
    objective = build_objective(name, temperature=0.01)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = objective(batch).total
    torch.testing.assert_close(inside, objective(batch).total)


@pytest.mark.parametrize("temperature", [0.01, 0.07, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_finite_at_the_extremes(name: str, temperature: float) -> None:
    for kind, plain in extreme_batches().items():
        batch, leaves = differentiable(plain)
        taken = {"temperature", "inner_temperature"} & settings_of(name).keys()
        value = quiet(name, batch, **dict.fromkeys(taken, temperature))
        value.backward()
        assert value.isfinite(), kind
        grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
        assert all(grad.isfinite().all() for grad in grads), kind


@pytest.mark.parametrize("name", NAMES)
def test_compiles_in_one_graph(name: str) -> None:
    torch._dynamo.reset()  # one cache of compiled code for all rows of the table would fill up
    batch = full_batch(dtype=torch.float32)
    objective = build_objective(name)
    compiled = torch.compile(lambda batch: objective(batch).total, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(batch), objective(batch).total)


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("semclip", "paraphrase", "another literal caption of the same picture"),
        (
            "c2lip",
            "patches",
            "patch tokens of the pictures, from an image tower that has them; or set xac_weight "
            "to 0",
        ),
    ],
)
def test_a_missing_field_is_named_in_one_line(name: str, field: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        build_objective(name)(replace(full_batch(), **{field: None}))
    assert str(caught.value) == f"objective {name!r} needs {field!r} in the batch: {words}"


@pytest.mark.parametrize("name", NAMES)
def test_asks_for_what_the_registry_says(name: str) -> None:
    objective = build_objective(name)
    assert objective.needs == OBJECTIVES[name].needs
    bare = {item.name: None for item in fields(GroupedBatch) if item.default is None}
    batch = full_batch()
    bare |= {field: getattr(batch, field) for field in objective.needs}
    if "phrases" in objective.needs:
        bare["phrase_owner"] = batch.phrase_owner
    assert objective(replace(batch, **bare)).total.isfinite()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("grouped", {"alpha": 1.2}, "alpha must be between 0 and 1, got 1.2"),
        ("clip", {"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ("joint", {"instance_weight": -0.1}, "instance_weight must be between 0 and 1, got -0.1"),
        ("c2lip", {"xac_weight": -1.0}, "xac_weight must be 0 or more and finite, got -1.0"),
        ("mv-dhel", {"views": "image"}, "views must be one of group, pair; got 'image'"),
        ("siglip", {"logit_bias": float("nan")}, "logit_bias must be finite, got nan"),
    ],
)
def test_settings_out_of_range_are_refused(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        build_objective(name, **settings)
    assert str(caught.value) == message


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown objective 'triplet': choose one of clip, siglip"):
        build_objective("triplet")
    with pytest.raises(ValueError, match="'clip' has no setting 'tau': choose among temperature"):
        build_objective("clip", tau=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_taken_or_refused_never_passed_over(name: str) -> None:
    every = {key: value for one in NAMES for key, value in settings_of(one).items()}
    build_objective(name, **settings_of(name))
    for key in every.keys() - settings_of(name).keys():
        with pytest.raises(ValueError, match=f"has no setting '{key}'"):
            build_objective(name, **{key: every[key]})


def test_joint_takes_the_settings_of_its_two_objectives_and_hands_them_on() -> None:
    assert "alpha" in settings_of("joint")
    assert "alpha" not in settings_of("joint", grouped="unicl")
    joint = build_objective("joint", instance="siglip", temperature=0.3, alpha=0.2, logit_bias=-1)
    assert (joint.instance.temperature, joint.grouped.temperature) == (0.3, 0.3)
    assert (joint.grouped.loss.alpha, joint.instance.logit_bias.item()) == (0.2, -1)


ONE_GROUP_TEACHES_NOTHING = (
    *("grouped", "grouped-centroid", "grouped-siglip", "unicl", "supcon", "polyview-geometric"),
    *("polyview-arithmetic", "mv-infonce", "mv-dhel", "joint"),
)


@pytest.mark.parametrize("name", ONE_GROUP_TEACHES_NOTHING)
def test_one_group_is_warned_about(name: str) -> None:
    with pytest.warns(UserWarning, match="M = 1"):
        build_objective(name)(full_batch(groups=1))


ALONE = """
import sys
from importlib.metadata import packages_distributions

TORCH = "torch torchgen functorch triton nvidia cuda sympy mpmath networkx jinja2 markupsafe fsspec"
TORCH = [*TORCH.split(), "filelock", "typing_extensions", "setuptools", "pkg_resources", "glasskit"]
for package in packages_distributions().keys() - set(TORCH):
    sys.modules[package] = None  # Python's word for "missing"
import torch
from glasskit.losses import GroupedContrastiveLoss
from glasskit.losses import GroupedBatch
from glasskit.losses.objectives import OBJECTIVES, build_objective

image, text = torch.randn(2, 3, 2, 8, requires_grad=True)
GroupedContrastiveLoss()(image, text).total.backward()
for name in OBJECTIVES:
    if not OBJECTIVES[name].needs:
        build_objective(name)(GroupedBatch(image, text)).total.backward()
ours = {name.split(".")[1] for name in sys.modules if name.startswith("glasskit.")}
print(sorted(ours))
"""


def test_losses_run_with_torch_alone() -> None:
    command = [sys.executable, "-W", "ignore", "-c", ALONE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "['losses', 'offline']", done.stderr
