"""Pistas a la venta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "nav.market": "Mercado",
    "market.title": "Pistas a la venta",
    "market.lead": "Cada una de estas pistas lleva su propia prueba: qué modelo la hizo, con las grabaciones de "
    "quién y bajo qué licencias. Antes de pagar ve quién recibe qué.",
    "market.none": "Ahora mismo no hay nada a la venta.",
    "market.track": "Pista {id}",
    "market.model": "hecha con el modelo {id}",
    "market.by": "de {creator}",
    "market.listen": "Escuchar",
    "market.cover": "Imagen del sonido de la pista {id}",
    "offer.title": "Pista {id}",
    "offer.price": "Precio",
    "offer.royalty": "de ello {royalty} son regalías, el {percent} %",
    "offer.until": "en oferta hasta {until}",
    "offer.split": "Quién recibe qué",
    "offer.split.said": "El contrato lo reparte en estas partes; ninguna pasa por manos de nadie, y cada una la "
    "cobra su dueño.",
    "offer.split.settled": "Los titulares han acordado repartir los ingresos posteriores de otra forma que la "
    "registrada: las partes de la regalía pueden ser otras; su suma, no.",
    "offer.who": "quién",
    "offer.percent": "parte",
    "offer.amount": "importe",
    "offer.whole": "en total",
    "offer.seller": "quien la vende",
    "offer.creator": "quien la hizo",
    "offer.model": "titular del modelo {id}",
    "offer.dataset": "titular del conjunto de datos {id}",
    "offer.dataset.titled": "titular del conjunto de datos {id}, «{title}»",
    "offer.provenance": "De dónde viene",
    "offer.buy": "Comprarla por {money}",
    "offer.buy.said": "Paga este precio o nada: si entretanto ha cambiado, no se compra nada.",
    "offer.buy.signin": "Inicie sesión para comprarla",
    "offer.own": "Esta oferta es suya.",
    "offer.end": "Terminar la oferta",
    "offer.gone": "Ahora esta pista no está a la venta.",
    "offer.back": "Todas las pistas a la venta",
}
