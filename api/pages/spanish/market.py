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
    "offer.unlisted": "Esta pista es suya, y ahora no está a la venta.",
    "offer.underway": "Ver cómo va",
    "offer.underway.list": "Se está poniendo a la venta.",
    "offer.underway.unlist": "Se está terminando la oferta.",
    "offer.underway.buy": "La está comprando.",
    "offer.token": "El precio es en un token (ERC-20) que dice llamarse «{name}». Cualquiera puede llamar así a un "
    "token: lo que cuenta es su dirección.",
    "offer.token.unnamed": "El precio es en un token (ERC-20) que no dice cómo se llama. Su dirección:",
    "offer.token.smallest": "No dice cuántos decimales tiene: los importes son en su unidad más pequeña.",
    "offer.buy.token": "En dos transacciones, o una si ya está permitido bastante: se permite al mercado tomar esa "
    "cantidad del token, y después se compra.",
    "sell.title": "Ponerla a la venta",
    "sell.change": "Cambiar la oferta",
    "sell.currency": "Moneda: la dirección de un token (ERC-20), o nada para ether",
    "sell.currency.said": "Se pregunta al token cómo se llama y cuántos decimales tiene.",
    "sell.currency.ask": "Pedir en esta moneda",
    "sell.decimals": "Tiene {count} decimales, según dice él mismo.",
    "sell.price": "Precio, en {currency}",
    "sell.until": "Último día de la oferta (UTC); nada si no termina",
    "offer.back": "Todas las pistas a la venta",
}
