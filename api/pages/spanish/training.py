"""Qué cuesta y permite una licencia de un conjunto de datos, y entrenar un modelo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "license.title": "Su licencia",
    "license.own": "Estas grabaciones son suyas: no necesita licencia.",
    "license.own.page": "Lo que han ganado",
    "license.held": "Tiene licencia de estas grabaciones:",
    "license.held.until": "para {use}, hasta {until}",
    "license.held.ever": "para {use}, sin fin",
    "license.held.none": "No tiene ninguna licencia de estas grabaciones.",
    "license.train": "Entrenar un modelo con él",
    "license.elsewhere": "Nadie puede entrenar aquí un modelo con estas grabaciones: este servicio no tiene ninguna "
    "clave que las abra. La tiene su titular, o se olvidó. Una licencia vale de todos modos: quien tenga una puede "
    "abrir la clave desde el servicio del titular, en la instalación que vaya a entrenar.",
    "license.withdrawn": "Su titular ha retirado el consentimiento: ya no se venden licencias. Las vendidas antes "
    "siguen valiendo.",
    "license.closed": "Ahora no se ofrece ninguna licencia. Su titular aún puede conceder una.",
    "license.ended": "Las licencias que se ofrecían terminaron el {until}; no se vende nada hasta que su titular "
    "ofrezca otras condiciones.",
    "license.signin": "Inicie sesión para obtener una licencia",
    "license.uses": "¿Para qué?",
    "license.uses.said": "El precio es el mismo por un uso que por todos; un uso que añada después lo cuesta otra vez.",
    "license.uses.none": "usos: elija al menos uno",
    "license.use": "Para {use}.",
    "license.pay": "Paga {money}, una sola vez.",
    "license.pay.token": "En un token son dos pasos: se permite al contrato de licencias tomar justo esta cantidad, y "
    "luego se compra con ella la licencia.",
    "license.fee": "La red cobra además su comisión.",
    "license.free.said": "No cuesta nada.",
    "license.share": "Al tomarla acepta también que el {percent} % de las regalías de las pistas que hagan sus "
    "modelos vaya a su titular, en proporción a su parte del entrenamiento.",
    "license.balance": "Su cuenta tiene {money}.",
    "license.short": "No alcanza para {money}.",
    "license.take": "Tomar la licencia",
    "license.buy": "Obtener la licencia por {money}",
    "license.said": "Obtiene estas condiciones o nada: si entretanto han cambiado, no se compra ni se paga nada. Una "
    "licencia es solo de su cuenta y no se puede traspasar; otros pueden tener una también.",
    "train.title": "Entrenar un modelo",
    "train.nav": "Entrenar",
    "train.lead": "Elija de qué aprende y cuánto trabajo cuesta. El entrenamiento queda en la cadena con sus "
    "licencias, para que quien oiga la música pueda ver de dónde viene.",
    "train.datasets": "De qué aprende",
    "train.own": "suyo",
    "train.licensed": "tiene licencia",
    "train.licensed.until": "tiene licencia hasta {until}",
    "train.unlicensed": "no tiene licencia para entrenar con el conjunto de datos {id}; obténgala antes en su página",
    "train.elsewhere": "Puede aprender de ellos, pero aquí no se abren",
    "train.elsewhere.said": "Este servicio no tiene la clave de estas grabaciones: la tiene su titular, o se olvidó. "
    "Quien tenga una licencia puede abrir la clave desde el servicio del titular, en la instalación que vaya a "
    "entrenar.",
    "train.elsewhere.one": "con el conjunto de datos {id} no se puede entrenar aquí, porque este servicio no tiene "
    "la clave de sus grabaciones; con una licencia se puede abrir la clave desde el servicio del titular, en la "
    "instalación que vaya a entrenar",
    "train.nothing": "Para entrenar un modelo hacen falta grabaciones: obtenga una licencia de un conjunto de datos, o "
    "registre grabaciones suyas.",
    "train.preset": "Cuánto trabajo",
    "train.seed": "Semilla",
    "train.seed.said": "Otro número, otro modelo; el mismo hace otra vez el mismo.",
    "train.royalty": "Su parte de los ingresos de una pista, en tanto por ciento",
    "train.royalty.said": "Suya como titular del modelo, de cada pista hecha con él. No se puede cambiar después.",
    "train.seal": "Guardar los pesos cifrados, para usted y para quien tenga licencia del modelo",
    "train.said": "Ahora no se paga nada más a los titulares. La misma petición otra vez encuentra el modelo que ya "
    "se hizo.",
    "train.submit": "Entrenarlo",
    "train.others": "Conjuntos de datos de los que puede obtener licencia",
    "train.others.elsewhere": "aquí no se puede entrenar con él",
    "train.others.said": "Se ofrecen ahora para entrenar, primero los más nuevos. En su página, cada uno muestra sus "
    "condiciones y su prueba.",
    "train.works": "Entrenar un modelo propio",
    "preset.tiny": "Mínimo",
    "preset.tiny.said": "Alrededor de un minuto en un núcleo de procesador, con cinco minutos de música como mucho: "
    "para ver que todo funciona.",
    "preset.small": "Pequeño",
    "preset.small.said": "De media hora a dos horas en un núcleo de procesador, con horas de música: con él se hizo el "
    "instrumento que viene con el paquete.",
    "preset.base": "Completo",
    "preset.base.said": "La máquina a su tamaño completo: para un servicio con procesador gráfico (GPU) y horas de "
    "música.",
    "preset.own.said": "Un preajuste de quien lleva este servicio.",
}
