"""What a license of a dataset costs and allows, and training a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "license.title": "Your license",
    "license.own": "These recordings are yours: you need no license.",
    "license.own.page": "What they have earned",
    "license.held": "You hold a license of these recordings:",
    "license.held.until": "for {use}, until {until}",
    "license.held.ever": "for {use}, without an end",
    "license.held.none": "You hold no license of these recordings.",
    "license.train": "Train a model on it",
    "license.elsewhere": "Nobody can train a model on these recordings here: this service holds no key that opens "
    "them. It lies with their holder, or was forgotten. A license is valid all the same: whoever has one may open "
    "the key from the holder's service, in the installation that is to train.",
    "license.withdrawn": "Its holder has withdrawn consent: no license is sold any more. Those that were sold before "
    "stay valid.",
    "license.closed": "No license is on offer now. Its holder can still grant one.",
    "license.ended": "The licenses that were on offer ended on {until}; nothing is sold until its holder offers new "
    "terms.",
    "license.signin": "Sign in to license it",
    "license.uses": "What for?",
    "license.uses.said": "The price is the same for one use and for all; a use that you add later costs it again.",
    "license.uses.none": "uses: choose at least one",
    "license.use": "For {use}.",
    "license.pay": "You pay {money}, once.",
    "license.pay.token": "In a token that takes two steps: the license contract is allowed to take just this amount, "
    "then the license is bought with it.",
    "license.fee": "The network takes its fee besides.",
    "license.free.said": "It costs nothing.",
    "license.share": "By taking it you also agree that {percent} % of the royalties of tracks that your models make "
    "go to its holder, in proportion to its part of the training.",
    "license.balance": "Your account has {money}.",
    "license.short": "That is not enough for {money}.",
    "license.take": "Take the license",
    "license.buy": "License it for {money}",
    "license.said": "You get these terms or nothing: if they have changed meanwhile, nothing is bought and nothing "
    "paid. A license is your account's alone and cannot be passed on; others can have one too.",
    "train.title": "Train a model",
    "train.nav": "Train",
    "train.lead": "Choose what to learn from and how much work to put in. The run is put on chain with its licenses, "
    "so that everybody who hears the music can see what it came from.",
    "train.datasets": "What to learn from",
    "train.own": "yours",
    "train.licensed": "you hold a license",
    "train.licensed.until": "you hold a license until {until}",
    "train.unlicensed": "you hold no license to train on dataset {id}; get one on its page first",
    "train.elsewhere": "Yours to learn from, and not to be opened here",
    "train.elsewhere.said": "This service holds no key of these recordings: it lies with their holder, or was "
    "forgotten. Whoever has a license may open the key from the holder's service, in the installation that is to "
    "train.",
    "train.elsewhere.one": "dataset {id} cannot be trained on here, since this service holds no key of its "
    "recordings; with a license the key can be opened from the holder's service, in the installation that is to train",
    "train.nothing": "To train a model you need recordings: license a dataset, or register recordings of your own.",
    "train.preset": "How much work",
    "train.seed": "Seed",
    "train.seed.said": "Another number, another model; the same one makes the same again.",
    "train.royalty": "Your part of a track's income, in percent",
    "train.royalty.said": "Yours as the model's holder, from every track made with it. It cannot be changed later.",
    "train.seal": "Store the weights encrypted, for you and for those who license the model",
    "train.said": "Nothing more is paid to the holders now. The same request again finds the model that was made.",
    "train.submit": "Train it",
    "train.others": "Datasets that you could license",
    "train.others.elsewhere": "cannot be trained on here",
    "train.others.said": "On offer for training now, the newest first. On its page a dataset shows its terms and its "
    "proof.",
    "train.works": "Train a model of your own",
    "preset.tiny": "Tiny",
    "preset.tiny.said": "About a minute on one processor core, from at most five minutes of music: to see that all "
    "of it works.",
    "preset.small": "Small",
    "preset.small.said": "Half an hour to two hours on one processor core, from hours of music: what the instrument "
    "that comes with the package was made with.",
    "preset.base": "Base",
    "preset.base.said": "The machine at its full size: for a service with a graphics processor (GPU), and hours of "
    "music.",
    "preset.own.said": "A preset of this service's keeper.",
}
