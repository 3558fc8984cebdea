# SPDX-License-Identifier: Apache-2.0
"""Trains each network in its folder below `out`, in the order codec, components, prior; exports what was trained."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import torch
from torch import nn

from limner.models.bank import CodeBank
from limner.models.blocks import in_channels_last
from limner.models.codec import Codec, CodecConfig
from limner.models.components import PARTS, ComponentConfig, ComponentEmbedding
from limner.models.detail import Detail, DetailConfig
from limner.models.frame_finder import FrameFinderConfig
from limner.models.inversion import InversionConfig
from limner.models.pix2pix import Pix2PixConfig
from limner.models.registry import NETWORKS, OPTIONAL, load_network, save_bank, save_network, verify
from limner.models.synthesis import Synthesis, SynthesisConfig
from limner.training.bank import build_bank
from limner.training.codec import CodecTask
from limner.training.components import ComponentTask
from limner.training.decoder import DecoderTask
from limner.training.detail import ESTIMATED, DetailTask
from limner.training.distilled import DistilledTask, Teacher
from limner.training.drawn import DrawnFaces
from limner.training.estimates import SoftEstimates
from limner.training.frame_finder import FrameFinderTask
from limner.training.hed import EDGES_FILE, fill_edges, load_edge_network
from limner.training.inversion import InversionTask
from limner.training.loop import LoopConfig, Trainer, begin_from
from limner.training.perceptual import find_hed_weights
from limner.training.pix2pix import Pix2PixTask
from limner.training.prior import PriorTask
from limner.training.processes import Processes, joined_processes
from limner.training.soft_latents import SoftLatents
from limner.training.told import ToldFaces

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """Where to train: `data` in the index format, `out` for checkpoints; `minutes` is the whole run, resumed or not."""

    data: Path
    out: Path
    minutes: float
    resume: bool = True

    @property
    def cache(self) -> Path:
        """What is computed once: decoded pictures, registered drawings, the bank."""
        return self.out / "cache"


def trained(network: Network, folder: Path) -> Network:
    """`network` with the averaged weights of the checkpoint in `folder`, frozen, in evaluation mode.

    Raises FileNotFoundError where that network has not been trained yet."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: train '{folder.name}' first")
    network.load_state_dict(torch.load(path, weights_only=True)["ema"])
    return network.eval().requires_grad_(False)


def fingerprint(network: nn.Module) -> str:
    """Ten hex digits that tell these weights from others: names what was computed with them."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:10]


def train_codec(run: Run) -> None:
    """The codec, into out/codec."""
    with joined_processes() as processes:
        task = CodecTask(run.data, run.cache, CodecConfig(), processes)
        Trainer(task, LoopConfig(run.minutes, lr=1e-3), run.out / "codec", run.resume, processes).run()


def train_components(run: Run) -> None:
    """The five auto-encoders, into out/components."""
    config = LoopConfig(run.minutes, lr=1e-3, report_minutes=3)
    with joined_processes() as processes:
        task = ComponentTask(DrawnFaces(run.data, run.cache), ComponentConfig(), processes)
        Trainer(task, config, run.out / "components", run.resume, processes).run()


def load_bank(run: Run, faces: DrawnFaces, embedding: ComponentEmbedding) -> CodeBank:
    """The bank of the trained encoders, built when it is first asked for."""
    path = run.cache / f"bank-{fingerprint(embedding)}.pt"
    if not path.exists():
        bank = build_bank(faces, embedding)
        torch.save({**bank.codes, "faces": bank.faces}, path)
    state = torch.load(path, weights_only=True)
    return CodeBank({part: state[part] for part in PARTS}, state["faces"])


def trained_codes(run: Run, faces: DrawnFaces, device: torch.device) -> tuple[ComponentEmbedding, CodeBank]:
    """The components and the bank of their codes, on `device`."""
    embedding = trained(ComponentEmbedding(ComponentConfig()), run.out / "components")
    bank = load_bank(run, faces, embedding)
    return embedding.to(device), CodeBank({p: c.to(device) for p, c in bank.codes.items()}, bank.faces.to(device))


def train_prior(run: Run) -> None:
    """Feature mapping and flow, into out/prior; needs the codec and the components."""
    config = LoopConfig(run.minutes, lr=6e-4, warmup=60, ema=0.998, report_minutes=8)
    with joined_processes() as processes:
        told = told_faces(run, trained(Codec(CodecConfig()), run.out / "codec"), processes)
        task = PriorTask(told, SynthesisConfig())
        Trainer(task, config, run.out / "prior", run.resume, processes).run()


def train_decoder(run: Run) -> None:
    """The decoder once more, into out/decoder; needs the codec, the components and the prior."""
    faces = DrawnFaces(run.data, run.cache)
    with joined_processes() as processes:
        synthesis = trained(Synthesis(SynthesisConfig()), run.out / "prior").to(processes.device)
        codec = trained(Codec(CodecConfig()), run.out / "codec").to(processes.device)
        soft = SoftLatents(codec, *trained_codes(run, faces, processes.device), synthesis)
        task = DecoderTask(run.data, run.cache, faces, soft, processes)
        Trainer(task, LoopConfig(run.minutes, lr=4e-4), run.out / "decoder", run.resume, processes).run()


def train_detail(run: Run) -> None:
    """The detail flow, into out/detail; needs the codec, the components and the prior."""
    _train_detail(run, "detail")


def train_detail_weak(run: Run) -> None:
    """The same, into out/detail_weak, for a fraction of the time: what the distilled one is guided away from."""
    _train_detail(run, "detail_weak")


def _train_detail(run: Run, name: str) -> None:
    config = LoopConfig(run.minutes, lr=1.5e-3, warmup=100, ema=0.999, report_minutes=8)
    with joined_processes() as processes:
        task = DetailTask(soft_estimates(run, processes, ESTIMATED), DetailConfig())
        Trainer(task, config, run.out / name, run.resume, processes).run()


def train_distilled(run: Run) -> None:
    """The detail flow in few steps, into out/distilled; needs both details, and what they need."""
    config = LoopConfig(run.minutes, lr=6e-4, warmup=50, ema=0.995, report_minutes=8)
    with joined_processes() as processes:
        strong, weak = (
            in_channels_last(trained(Detail(DetailConfig()), run.out / name).to(processes.device))
            for name in ("detail", "detail_weak")
        )
        task = DistilledTask(soft_estimates(run, processes, DetailConfig().times), Teacher(strong, weak))
        Trainer(task, config, run.out / "distilled", run.resume, processes).run()


def soft_estimates(run: Run, processes: Processes, times: tuple[float, float]) -> SoftEstimates:
    """What the detail's networks learn from."""
    synthesis = trained(Synthesis(SynthesisConfig()), run.out / "prior").to(processes.device)
    return SoftEstimates(told_faces(run, trained_codec(run), processes), synthesis, times)


def told_faces(run: Run, codec: Codec, processes: Processes) -> ToldFaces:
    """What both flows learn from, with the trained components."""
    faces = DrawnFaces(run.data, run.cache)
    return ToldFaces(faces, codec.to(processes.device), *trained_codes(run, faces, processes.device), processes)


def trained_codec(run: Run) -> Codec:
    """The codec, with the decoder of its second training where that was done."""
    codec = trained(Codec(CodecConfig()), run.out / "codec")
    if (run.out / "decoder" / "checkpoint.pt").exists():
        state = torch.load(run.out / "decoder" / "checkpoint.pt", weights_only=True)["ema"]
        kept = {k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.")}
        codec.decoder.load_state_dict(kept)
    return codec


def train_frame_finder(run: Run) -> None:
    """The frame finder, into out/frame_finder."""
    config = LoopConfig(run.minutes, lr=1e-3, ema=0.995, report_minutes=2)
    with joined_processes() as processes:
        task = FrameFinderTask(DrawnFaces(run.data, run.cache), FrameFinderConfig(), processes)
        Trainer(task, config, run.out / "frame_finder", run.resume, processes).run()


def train_inversion(run: Run) -> None:
    """The sketch inversion in all styles, into out/inversion."""
    _train_inversion(run, InversionConfig(), "inversion")


def train_inversion_baseline(run: Run) -> None:
    """The U-Net that the sketch inversion is compared with, into out/inversion_baseline."""
    _train_inversion(run, InversionConfig("unet"), "inversion_baseline")


def _train_inversion(run: Run, config: InversionConfig, name: str) -> None:
    with joined_processes() as processes:
        task = InversionTask(DrawnFaces(run.data, run.cache), config, processes)
        loop = LoopConfig(run.minutes, lr=1e-3, ema=0.99)  # more would lag behind the batch normalization
        Trainer(task, loop, run.out / name, run.resume, processes).run()


def train_pix2pix(run: Run) -> None:
    """The baseline that the portraits are compared with, into out/pix2pix."""
    with joined_processes() as processes:
        task = Pix2PixTask(DrawnFaces(run.data, run.cache), Pix2PixConfig(), processes)
        Trainer(task, LoopConfig(run.minutes, lr=2e-4), run.out / "pix2pix", run.resume, processes).run()


def find_edges(run: Run) -> None:
    """HED's edges of the training photos, the sharp ones first: one of the hands that draw them. Goes on next time."""
    faces = DrawnFaces(run.data, run.cache)
    rows = sorted(faces.train.tolist(), key=lambda row: not faces.faces[row].is_sharp)
    fill_edges(load_edge_network(find_hed_weights()), faces.photos, rows, run.cache / EDGES_FILE, run.minutes)


TRAINERS = {
    "edges": find_edges,
    "codec": train_codec,
    "components": train_components,
    "prior": train_prior,
    "detail": train_detail,
    "detail_weak": train_detail_weak,
    "distilled": train_distilled,
    "decoder": train_decoder,
    "frame_finder": train_frame_finder,
    "inversion": train_inversion,
    "inversion_baseline": train_inversion_baseline,
    "pix2pix": train_pix2pix,
}


TEACHERS = {"distilled": ("detail",)}  # by the run of their student, whose weights ship
SHIPPED_FROM = {  # the folder of its run, by the name of the file that ships
    "codec": "codec",
    "components": "components",
    "synthesis": "prior",
    "detail": "distilled",
    "frame_finder": "frame_finder",
    "inversion": "inversion",
}


def import_weights(run: Run, folder: Path) -> None:
    """Lays down the weights in `folder` as checkpoints of runs that have not begun, for training to go on from.

    The decoder comes with the codec; a student's weights begin its teacher's run, too. Runs that are there already
    stay as they are. Raises WeightsError."""
    sums = verify(folder)
    for name, below in SHIPPED_FROM.items():
        folders = [run.out / each for each in (below, *TEACHERS.get(below, ()))]
        begun = [each for each in folders if not (each / "checkpoint.pt").exists()]
        if f"{name}.safetensors" in sums and begun:
            weights = load_network(name, folder, torch.device("cpu")).state_dict()
            for each in begun:
                begin_from(weights, each)


def export_weights(run: Run, folder: Path, provenance: str) -> None:
    """Writes the averaged weights of all networks and the bank into `folder` as half-precision safetensors.

    Networks that Limner can do without are left out where they were not trained. Raises FileNotFoundError where
    another was not."""
    networks: dict[str, nn.Module] = {}
    for name, below in SHIPPED_FROM.items():
        if name in NETWORKS or (run.out / below).exists():
            kind, config = (NETWORKS | OPTIONAL)[name]
            networks[name] = trained_codec(run) if name == "codec" else trained(kind(config()), run.out / below)
            save_network(name, networks[name], folder, provenance)
    embedding = networks["components"]
    assert isinstance(embedding, ComponentEmbedding)
    save_bank(load_bank(run, DrawnFaces(run.data, run.cache), embedding), folder, provenance)


def use_threads(count: int) -> None:
    """`count` threads for the networks, one for each data worker."""
    torch.set_num_threads(count)
    cv2.setNumThreads(1)
